// Four runs of four rows of weights as they are stored, in vectors of 512 bits: their numbers and what scales these.

#ifndef NLFT_WIDE_GROUPS_H
#define NLFT_WIDE_GROUPS_H

#include <immintrin.h>

#include "integer_layout.h"

// The library is built for any processor; only these functions use what must be asked for first.
#define INTEGERS __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
// The format is known wherever these are called.
#define FORMAT INTEGERS KNOWN

INTEGERS static inline __m512i bytes_at(const uint8_t *source) { return _mm512_loadu_si512(source); }

// What a group's sums of products are multiplied with, and what is added to them for each input: run c of row r in lane
// 4r + c. Of a run whose halves have scales of their own the second half's.
typedef struct {
  __m512 weights, second_weights, minima;
} group_factors;

INTEGERS static inline __m512 lower_halves(__m512i words) { return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(words)); }

// Four words for each of four rows, four bytes of each word spread over lanes.
INTEGERS static inline __m512 bytes_of(const uint32_t words[4]) {
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)words)));
}

// A word at the same place of each row, four times.
INTEGERS static inline __m512i words_of(const uint8_t *const rows[4], ptrdiff_t at) {
  const __m128i own = _mm_setr_epi32((int)word_at(rows[0] + at), (int)word_at(rows[1] + at), (int)word_at(rows[2] + at),
                                     (int)word_at(rows[3] + at));
  const __m512i lanes = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
  return _mm512_permutexvar_epi32(lanes, _mm512_castsi128_si512(own));
}

// The scales and minima of four of a super-block's runs.
FORMAT group_factors six_bit_factors(const uint8_t *const rows[4], four_runs runs) {
  uint32_t scales[4], minima[4];
  UNROLLED for (int r = 0; r < 4; r++) {
    const six_bit_bytes own = six_bits_of_runs(rows[r] + runs.at[0], runs.first);
    scales[r] = own.scales;
    minima[r] = own.minima;
  }
  const __m512i heads = words_of(rows, runs.at[0]);
  const __m512 minimum = _mm512_sub_ps(_mm512_setzero_ps(), lower_halves(_mm512_srli_epi32(heads, 16)));
  return (group_factors){.weights = _mm512_mul_ps(bytes_of(scales), lower_halves(heads)),
                         .minima = _mm512_mul_ps(bytes_of(minima), minimum)};
}

// Runs of Q6_K have a signed byte of scale for each half.
FORMAT group_factors byte_factors(const uint8_t *const rows[4], four_runs runs) {
  const ptrdiff_t at = runs.at[0] + 192 + 2 * runs.first;
  __m256i scales = _mm256_castsi128_si256(
      _mm_unpacklo_epi64(_mm_loadl_epi64((const __m128i *)(rows[0] + at)), _mm_loadl_epi64((const __m128i *)(rows[1] + at))));
  scales = _mm256_inserti128_si256(
      scales,
      _mm_unpacklo_epi64(_mm_loadl_epi64((const __m128i *)(rows[2] + at)), _mm_loadl_epi64((const __m128i *)(rows[3] + at))),
      1);
  const __m512i pairs = _mm512_cvtepi8_epi16(scales);
  const __m512 whole = lower_halves(_mm512_srli_epi32(words_of(rows, runs.at[0] + 206), 16));
  const __m512i first = _mm512_srai_epi32(_mm512_slli_epi32(pairs, 16), 16), second = _mm512_srai_epi32(pairs, 16);
  return (group_factors){.weights = _mm512_mul_ps(_mm512_cvtepi32_ps(first), whole),
                         .second_weights = _mm512_mul_ps(_mm512_cvtepi32_ps(second), whole)};
}

// What four blocks of four rows begin with: a scale in the lower half of a word, in the upper one a minimum where the format
// has them. If the blocks follow each other, from vectors that cover them: gathering takes several times as long on some
// processors.
FORMAT __m512i heads_of(stored_format format, const uint8_t *const rows[4], four_runs runs, bool are_neighbours) {
  const ptrdiff_t start = runs.at[0];
  if (are_neighbours && format == stored_q4_1) {
    const __m512i own = _mm512_setr_epi32(0, 5, 10, 15, 16, 21, 26, 31, 0, 5, 10, 15, 16, 21, 26, 31);
    __m512i first = _mm512_permutex2var_epi32(bytes_at(rows[0] + start), own, bytes_at(rows[1] + start));
    __m512i second = _mm512_permutex2var_epi32(bytes_at(rows[2] + start), own, bytes_at(rows[3] + start));
    return _mm512_mask_mov_epi32(first, 0xFF00, second);
  }
  if (are_neighbours && (format == stored_q4_0 || format == stored_q8_0)) {
    __m512i all = _mm512_setzero_si512();
    for (int r = 0; r < 4; r++) {
      const uint8_t *row = rows[r] + start;
      __m512i halves;
      if (format == stored_q4_0) {
        const __m512i own = _mm512_broadcast_i32x4(_mm_setr_epi16(0, 0, 9, 0, 18, 0, 27, 0));
        halves = _mm512_permutexvar_epi16(own, bytes_at(row));
      } else {
        const __m512i own = _mm512_broadcast_i32x4(_mm_setr_epi16(0, 0, 17, 0, 32, 0, 49, 0));
        halves = _mm512_permutex2var_epi16(bytes_at(row), own, bytes_at(row + 68));
      }
      all = _mm512_mask_mov_epi32(all, (__mmask16)(0xF << 4 * r), halves);
    }
    return all;
  }
  uint32_t words[16];
  for (int i = 0; i < 16; i++) words[i] = word_at(rows[i / 4] + runs.at[i % 4]);
  return _mm512_loadu_si512(words);
}

FORMAT group_factors factors_of(stored_format format, const uint8_t *const rows[4], four_runs runs, bool are_neighbours) {
  switch (format) {
    case stored_q4_k:
    case stored_q5_k: return six_bit_factors(rows, runs);
    case stored_q6_k: return byte_factors(rows, runs);
    default: break;
  }
  const __m512i heads = heads_of(format, rows, runs, are_neighbours);
  group_factors own = {.weights = lower_halves(heads)};
  if (format == stored_q4_1 || format == stored_q5_1) {
    own.minima = lower_halves(_mm512_srli_epi32(heads, 16));
  } else {
    const float offset = format == stored_q4_0 ? -8 : format == stored_q5_0 ? -16 : -128;
    own.minima = _mm512_mul_ps(own.weights, _mm512_set1_ps(offset));
  }
  return own;
}

// Numbers 0–15 of each of four runs, then 16–31, as bytes without sign.
typedef struct {
  __m512i first, second;
} group_numbers;

// Sixteen bytes behind the beginning of each of four blocks.
INTEGERS static inline __m512i sixteens(const uint8_t *row, four_runs runs) {
  const ptrdiff_t *at = runs.at;
  __m512i all = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)(row + at[0])));
  all = _mm512_inserti32x4(all, _mm_loadu_si128((const __m128i *)(row + at[1])), 1);
  all = _mm512_inserti32x4(all, _mm_loadu_si128((const __m128i *)(row + at[2])), 2);
  return _mm512_inserti32x4(all, _mm_loadu_si128((const __m128i *)(row + at[3])), 3);
}

INTEGERS static inline __m512i low_nibbles(__m512i bytes) { return _mm512_and_si512(bytes, _mm512_set1_epi8(0x0F)); }

// Adds 16 where the bit of a byte is set.
INTEGERS static inline __m512i with_fifths(__m512i nibbles, __mmask64 fifths) {
  return _mm512_mask_add_epi8(nibbles, fifths, nibbles, _mm512_set1_epi8(16));
}

// Runs of blocks of their own: the low nibbles of sixteen bytes, then the high ones. fifths: where the 32 fifth bits of a
// block are; 0 for none.
FORMAT group_numbers nibbles_of(const uint8_t *row, four_runs runs, ptrdiff_t fifths, ptrdiff_t bytes) {
  const __m512i both = sixteens(row + bytes, runs);
  group_numbers own = {low_nibbles(both), low_nibbles(_mm512_srli_epi16(both, 4))};
  if (fifths == 0) return own;
  uint64_t first = 0, second = 0;
  UNROLLED for (int c = 0; c < 4; c++) {
    const uint32_t bits = word_at(row + runs.at[c] + fifths);
    first |= (uint64_t)(bits & 0xFFFF) << 16 * c;
    second |= (uint64_t)(bits >> 16) << 16 * c;
  }
  return (group_numbers){with_fifths(own.first, first), with_fifths(own.second, second)};
}

// 64 bytes of which each lane's own are chosen, and moved down by so many bits.
#define CHOSEN(bytes, a, b, c, d) _mm512_shuffle_i32x4(bytes, bytes, _MM_SHUFFLE(d, c, b, a))

INTEGERS static inline __m512i lanes_of(short a, short b, short c, short d) {
  return _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_set_m128i(_mm_set1_epi16(b), _mm_set1_epi16(a))),
                            _mm256_set_m128i(_mm_set1_epi16(d), _mm_set1_epi16(c)), 1);
}

// Four runs of a super-block whose pairs share 32 bytes, one the low nibbles, the other the high ones.
FORMAT group_numbers shared_nibbles_of(const uint8_t *bytes) {
  const __m512i all = bytes_at(bytes), down = lanes_of(0, 4, 0, 4);
  return (group_numbers){low_nibbles(_mm512_srlv_epi16(CHOSEN(all, 0, 0, 2, 2), down)),
                         low_nibbles(_mm512_srlv_epi16(CHOSEN(all, 1, 1, 3, 3), down))};
}

INTEGERS static inline __m512i four_times(const uint8_t *bytes) {
  return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)bytes));
}

// The same with fifth bits, of which each byte of other 32 has one for each run.
FORMAT group_numbers five_bits_of(const uint8_t *block, ptrdiff_t first) {
  group_numbers own = shared_nibbles_of(block + 48 + 16 * first);
  const __m512i bits = _mm512_sllv_epi16(_mm512_set1_epi8((char)(1 << first)), lanes_of(0, 1, 2, 3));
  return (group_numbers){with_fifths(own.first, _mm512_test_epi8_mask(four_times(block + 16), bits)),
                         with_fifths(own.second, _mm512_test_epi8_mask(four_times(block + 32), bits))};
}

// Four runs of Q6_K: two are the low nibbles of 64 bytes, two the high ones; other 32 bytes have pairs of bits for each.
FORMAT group_numbers six_bits(const uint8_t *block, ptrdiff_t first) {
  const __m512i all = bytes_at(block + 16 * first), down = lanes_of(0, 0, 4, 4), pairs = lanes_of(0, 2, 4, 6);
  const uint8_t *upper = block + 128 + 8 * first;
  __m512i low[2] = {low_nibbles(_mm512_srlv_epi16(CHOSEN(all, 0, 2, 0, 2), down)),
                    low_nibbles(_mm512_srlv_epi16(CHOSEN(all, 1, 3, 1, 3), down))};
  UNROLLED for (int i = 0; i < 2; i++) {
    const __m512i own = _mm512_srlv_epi16(four_times(upper + 16 * i), pairs);
    low[i] = _mm512_or_si512(low[i], _mm512_slli_epi16(_mm512_and_si512(own, _mm512_set1_epi8(3)), 4));
  }
  return (group_numbers){low[0], low[1]};
}

FORMAT group_numbers numbers_of_group(stored_format format, const uint8_t *row, four_runs runs) {
  const uint8_t *block = row + runs.at[0];
  switch (format) {
    case stored_q4_0: return nibbles_of(row, runs, 0, 2);
    case stored_q4_1: return nibbles_of(row, runs, 0, 4);
    case stored_q5_0: return nibbles_of(row, runs, 2, 6);
    case stored_q5_1: return nibbles_of(row, runs, 4, 8);
    case stored_q8_0: {
      // Turning the sign bit over adds 128.
      const __m512i sign = _mm512_set1_epi8((char)0x80);
      return (group_numbers){_mm512_xor_si512(sixteens(row + 2, runs), sign),
                             _mm512_xor_si512(sixteens(row + 18, runs), sign)};
    }
    case stored_q4_k: return shared_nibbles_of(block + 16 + 16 * runs.first);
    case stored_q5_k: return five_bits_of(block, runs.first);
    case stored_q6_k: return six_bits(block, runs.first);
  }
}

#endif
