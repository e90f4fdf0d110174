// What the panels of words are made of (WordProducts.h): for the files that write and read them.

#ifndef NLFT_WORD_LAYOUT_H
#define NLFT_WORD_LAYOUT_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "WordProducts.h"

// The library is built for any processor; only these functions use what must be asked for first.
#define WORDS __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
// Sums live in registers only where these loops are unrolled.
#define UNROLLED _Pragma("clang loop unroll(full)")

enum { pairs = 16, pair_bytes = 128, row_bytes = 64, scales_at = words_rows * row_bytes, sums_at = scales_at + 64 };
// Behind a record's pairs lie the results' scales and minima; or the rows' parts of their largest scale, that, and the
// scales as they are.
enum {
  factors_at = pairs * pair_bytes,
  minima_at = factors_at + 128,
  parts_at = factors_at,
  largest_at = parts_at + 64,
  row_scales_at = factors_at + 128
};

// Largest whole number of an input.
static const float largest = 32767;

WORDS static inline __m512i joined(__m256i low, __m256i high) {
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

WORDS static inline __m512i magnitude(__m512 x) {
  return _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(0x7FFFFFFF));
}

// Bits of numbers without their sign are in the numbers' order; what is not finite is above all that are.
typedef union {
  uint32_t bits;
  float value;
} number;

// The bits of the largest magnitude of two vectors.
WORDS static inline uint32_t largest_bits(__m512 low, __m512 high) {
  return _mm512_reduce_max_epu32(_mm512_max_epu32(magnitude(low), magnitude(high)));
}

#endif
