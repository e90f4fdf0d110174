// Four runs of a row of weights as they are stored, in vectors of 256 bits: their numbers and what scales these.

#ifndef NLFT_HALF_GROUPS_H
#define NLFT_HALF_GROUPS_H

#include "half_vectors.h"
#include "integer_layout.h"

// The format is known wherever these are called.
#define FORMAT HALF KNOWN

KNOWN ptrdiff_t run_of(stored_format format, four_runs runs, int place) {
  return block_runs(format) == 1 ? 0 : runs.first + place;
}

KNOWN bool has_nibbles_alone(stored_format format) { return format == stored_q4_0 || format == stored_q4_1; }

// The scales and minima of four of a super-block's runs.
FORMAT __m256 six_bit_heads(const uint8_t *block, ptrdiff_t first) {
  const six_bit_bytes own = six_bits_of_runs(block, first);
  __m128i pairs = _mm_unpacklo_epi8(_mm_cvtsi32_si128((int)own.scales), _mm_cvtsi32_si128((int)own.minima));
  __m256 heads = _mm256_cvtph_ps(_mm_set1_epi32((int)word_at(block)));
  return _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(pairs)), heads);
}

// Of each of four runs its scale, then its minimum where the format has them, the scale again where all numbers have the
// same offset, the scale of the run's second half if it has one, else anything.
FORMAT __m256 heads_of(stored_format format, const uint8_t *row, four_runs runs) {
  const ptrdiff_t *at = runs.at;
  if (format == stored_q4_k || format == stored_q5_k) return six_bit_heads(row + at[0], runs.first);
  if (format == stored_q6_k) {
    const uint8_t *block = row + at[0];
    const __m128i scales = _mm_loadl_epi64((const __m128i *)(block + 192 + 2 * runs.first));
    const __m256 whole = _mm256_cvtph_ps(_mm_set1_epi16((short)(word_at(block + 206) >> 16)));
    return _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(scales)), whole);
  }
  __m128i first = _mm_unpacklo_epi32(_mm_loadu_si32(row + at[0]), _mm_loadu_si32(row + at[1]));
  __m128i second = _mm_unpacklo_epi32(_mm_loadu_si32(row + at[2]), _mm_loadu_si32(row + at[3]));
  __m128i heads = _mm_unpacklo_epi64(first, second);
  if (format == stored_q4_0 || format == stored_q5_0) {
    heads = _mm_shuffle_epi8(heads, _mm_setr_epi8(0, 1, 0, 1, 4, 5, 4, 5, 8, 9, 8, 9, 12, 13, 12, 13));
  }
  return _mm256_cvtph_ps(heads);
}

// A run's numbers at even places and at odd ones, as words; of nibbles alone, sixteen times the numbers 16-31.
FORMAT void numbers_of(stored_format format, const uint8_t *block, ptrdiff_t run, __m256i numbers[2]) {
  if (has_nibbles_alone(format)) {
    const uint8_t *nibbles = block + (format == stored_q4_0 ? 2 : 4);
    const __m256i both = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)nibbles));
    const __m256i own = _mm256_set_m128i(_mm_set1_epi16(0xF0), _mm_set1_epi16(0x0F));
    numbers[0] = _mm256_and_si256(both, own);
    numbers[1] = _mm256_and_si256(_mm256_srli_epi16(both, 8), own);
    return;
  }
  const __m256i both = stored_numbers(format, block, run);
  if (format == stored_q8_0) {
    numbers[0] = _mm256_srai_epi16(_mm256_slli_epi16(both, 8), 8);
    numbers[1] = _mm256_srai_epi16(both, 8);
    return;
  }
  numbers[0] = _mm256_and_si256(both, _mm256_set1_epi16(0xFF));
  numbers[1] = _mm256_srli_epi16(both, 8);
  if (format == stored_q6_k) {
    UNROLLED for (int i = 0; i < 2; i++) numbers[i] = _mm256_sub_epi16(numbers[i], _mm256_set1_epi16(middle(format)));
  }
}

// What is added for each input, as a part of what stands beside a run's scale.
KNOWN float minimum_part(stored_format format) {
  switch (format) {
    case stored_q4_0:
    case stored_q5_0: return (float)-middle(format);
    case stored_q4_1:
    case stored_q5_1: return 1;
    case stored_q4_k:
    case stored_q5_k: return -1;
    case stored_q8_0:
    case stored_q6_k: return 0;
  }
}

// What a run's factors, scale and sum of inputs by turns, count in the sums beside the products.
FORMAT __m256 minima_of(stored_format format) {
  const float first = minimum_part(format), second = has_nibbles_alone(format) ? 16 * first : first;
  return _mm256_setr_ps(0, first, 0, first, 0, second, 0, second);
}

// What four runs' sums of products are multiplied with, and beside them what their minima are multiplied with.
FORMAT __m256 factors_of(stored_format format, __m256 heads, const float *factors) {
  const __m256 own = _mm256_loadu_ps(factors);
  return _mm256_mul_ps(heads, format == stored_q6_k ? _mm256_moveldup_ps(own) : own);
}

// The factor of each sum of a run's products, whose upper half belongs to the run's second half.
FORMAT __m256 factor_of(stored_format format, const float *scaled, int place) {
  if (format != stored_q6_k) return _mm256_broadcast_ss(scaled + 2 * place);
  return _mm256_set_m128(_mm_broadcast_ss(scaled + 2 * place + 1), _mm_broadcast_ss(scaled + 2 * place));
}

#endif
