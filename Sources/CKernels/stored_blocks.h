// What lies where in the blocks of the formats that are multiplied as they are stored.

#ifndef NLFT_STORED_BLOCKS_H
#define NLFT_STORED_BLOCKS_H

#include <immintrin.h>

#include <stddef.h>
#include <stdint.h>

#include "StoredFormats.h"

// The format is known wherever these are called, so that nothing is asked for each run.
#define KNOWN __attribute__((always_inline)) static inline

KNOWN ptrdiff_t block_bytes(stored_format format) {
  switch (format) {
    case stored_q4_0: return 18;
    case stored_q4_1: return 20;
    case stored_q5_0: return 22;
    case stored_q5_1: return 24;
    case stored_q8_0: return 34;
    case stored_q4_k: return 144;
    case stored_q5_k: return 176;
    case stored_q6_k: return 210;
  }
}

KNOWN ptrdiff_t block_runs(stored_format format) {
  switch (format) {
    case stored_q4_0:
    case stored_q4_1:
    case stored_q5_0:
    case stored_q5_1:
    case stored_q8_0: return 1;
    case stored_q4_k:
    case stored_q5_k:
    case stored_q6_k: return 8;
  }
}

// What is stored for the middle value. Numbers are counted from there on, so that the rounding of what they are
// multiplied with counts little: about as many are above zero as below.
KNOWN int middle(stored_format format) {
  switch (format) {
    case stored_q8_0: return 0;
    case stored_q4_0:
    case stored_q4_1:
    case stored_q4_k: return 8;
    case stored_q5_0:
    case stored_q5_1:
    case stored_q5_k: return 16;
    case stored_q6_k: return 32;
  }
}

KNOWN uint32_t word_at(const uint8_t *source) {
  uint32_t word;
  __builtin_memcpy(&word, source, sizeof word);
  return word;
}

// Vectors of 256 bits, which wider processors have too.
#define HALVES KNOWN __attribute__((target("avx2")))

// Sixteen bytes: the low nibbles are numbers 0–15 of a run, the high ones 16–31.
HALVES __m256i nibbles(const uint8_t *source) {
  __m128i bytes = _mm_loadu_si128((const __m128i *)source);
  __m256i both = _mm256_inserti128_si256(_mm256_castsi128_si256(bytes), _mm_srli_epi16(bytes, 4), 1);
  return _mm256_and_si256(both, _mm256_set1_epi8(0x0F));
}

// 32 bytes: the low nibbles are one run, the high ones the next.
HALVES __m256i shared_nibbles(const uint8_t *source, ptrdiff_t run) {
  __m256i bytes = _mm256_loadu_si256((const __m256i *)(source + 32 * (run >> 1)));
  __m256i moved = _mm256_srl_epi16(bytes, _mm_cvtsi32_si128(4 * (int)(run & 1)));
  return _mm256_and_si256(moved, _mm256_set1_epi8(0x0F));
}

// Adds 16 to those whose byte of `bytes` has the bit of that byte of `bit`.
HALVES __m256i with_fifth_bits(__m256i nibbles, __m256i bytes, __m256i bit) {
  __m256i fifth = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, bit), bit);
  return _mm256_or_si256(nibbles, _mm256_and_si256(fifth, _mm256_set1_epi8(0x10)));
}

// The same for 32 bits of which each belongs to a number.
HALVES __m256i with_bits_of(uint32_t bits, __m256i nibbles) {
  const __m256i own = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
  __m256i bytes = _mm256_shuffle_epi8(_mm256_set1_epi32((int)bits), own);
  return with_fifth_bits(nibbles, bytes, _mm256_set1_epi64x((long long)0x8040201008040201));
}

// Of four runs of Q6_K the first two are the low nibbles of 64 bytes, the others the high ones; other 32 bytes have upper
// pairs of bits, one for each run.
HALVES __m256i six_bits_of(const uint8_t *block, ptrdiff_t run) {
  const uint8_t *low = block + 64 * (run >> 2) + 32 * (run & 1), *high = block + 128 + 32 * (run >> 2);
  __m256i nibbles = _mm256_srl_epi16(_mm256_loadu_si256((const __m256i *)low), _mm_cvtsi32_si128(2 * (int)(run & 2)));
  __m256i pairs = _mm256_srl_epi16(_mm256_loadu_si256((const __m256i *)high), _mm_cvtsi32_si128(2 * (int)(run & 3)));
  __m256i upper = _mm256_slli_epi16(_mm256_and_si256(pairs, _mm256_set1_epi8(0x03)), 4);
  return _mm256_or_si256(_mm256_and_si256(nibbles, _mm256_set1_epi8(0x0F)), upper);
}

// The 32 numbers of a run of a block, in bytes, as they are stored.
HALVES __m256i stored_numbers(stored_format format, const uint8_t *block, ptrdiff_t run) {
  switch (format) {
    case stored_q8_0: return _mm256_loadu_si256((const __m256i *)(block + 2));
    case stored_q4_0: return nibbles(block + 2);
    case stored_q4_1: return nibbles(block + 4);
    case stored_q5_0: return with_bits_of(word_at(block + 2), nibbles(block + 6));
    case stored_q5_1: return with_bits_of(word_at(block + 4), nibbles(block + 8));
    case stored_q4_k: return shared_nibbles(block + 16, run);
    case stored_q5_k: {
      __m256i fifths = _mm256_loadu_si256((const __m256i *)(block + 16));
      return with_fifth_bits(shared_nibbles(block + 48, run), fifths, _mm256_set1_epi8((char)(1 << run)));
    }
    case stored_q6_k: return six_bits_of(block, run);
  }
}

// The same from the middle on, as signed bytes.
HALVES __m256i numbers(stored_format format, const uint8_t *block, ptrdiff_t run) {
  return _mm256_sub_epi8(stored_numbers(format, block, run), _mm256_set1_epi8((char)middle(format)));
}

// Scales and minima of four of a super-block's runs, a byte each.
typedef struct {
  uint32_t scales, minima;
} six_bit_bytes;

// Those of the runs from 0 or 4 on. The first four are whole bytes; of the others the low nibbles are there, and the upper
// two bits lie on top of the first.
KNOWN six_bit_bytes six_bits_of_runs(const uint8_t *block, ptrdiff_t first) {
  const uint32_t scales = word_at(block + 4), minima = word_at(block + 8);
  if (first == 0) return (six_bit_bytes){scales & 0x3F3F3F3F, minima & 0x3F3F3F3F};
  const uint32_t low = word_at(block + 12);
  return (six_bit_bytes){(low & 0x0F0F0F0F) | (scales >> 2 & 0x30303030),
                         (low >> 4 & 0x0F0F0F0F) | (minima >> 2 & 0x30303030)};
}

// Where a run lies: behind the beginning of its row, and in its block.
typedef struct {
  ptrdiff_t at, run;
} place;

KNOWN place place_of(stored_format format, ptrdiff_t run) {
  ptrdiff_t block = run / block_runs(format);
  return (place){block * block_bytes(format), run - block * block_runs(format)};
}

// Calls a function, whose loop is compiled for each format by itself.
#define FOR_FORMAT(format, function, ...)                      \
  switch (format) {                                            \
    case stored_q4_0: function(stored_q4_0, __VA_ARGS__); break; \
    case stored_q4_1: function(stored_q4_1, __VA_ARGS__); break; \
    case stored_q5_0: function(stored_q5_0, __VA_ARGS__); break; \
    case stored_q5_1: function(stored_q5_1, __VA_ARGS__); break; \
    case stored_q8_0: function(stored_q8_0, __VA_ARGS__); break; \
    case stored_q4_k: function(stored_q4_k, __VA_ARGS__); break; \
    case stored_q5_k: function(stored_q5_k, __VA_ARGS__); break; \
    case stored_q6_k: function(stored_q6_k, __VA_ARGS__); break; \
  }

#endif
