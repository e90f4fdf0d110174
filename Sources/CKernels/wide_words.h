// Vectors of 512 bits with VNNI: what the files of words for such processors share.

#ifndef NLFT_WIDE_WORDS_H
#define NLFT_WIDE_WORDS_H

#include <immintrin.h>

#include "word_layout.h"

// The library is built for any processor; only these functions use what must be asked for first.
#define WORDS __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,prfchw")))

WORDS static inline __m512i joined(__m256i low, __m256i high) {
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

WORDS static inline __m512i magnitude(__m512 x) {
  return _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(0x7FFFFFFF));
}

// The bits of the largest magnitude of two vectors.
WORDS static inline uint32_t largest_bits(__m512 low, __m512 high) {
  return _mm512_reduce_max_epu32(_mm512_max_epu32(magnitude(low), magnitude(high)));
}

#endif
