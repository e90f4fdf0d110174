// Weights packed for products in words (WordProducts.h), straight from a file's blocks: where a product has few rows, it
// takes as long as this.

#include "WordProducts.h"

#if defined(__x86_64__)

#include "wide_words.h"
#include "stored_blocks.h"

#define FORMAT WORDS __attribute__((always_inline)) static inline

typedef float vector __attribute__((ext_vector_type(16)));
typedef uint32_t whole_vector __attribute__((ext_vector_type(16)));

FORMAT whole_vector words_of(const uint8_t *const *rows, ptrdiff_t at) {
#define WORD(i) word_at(rows[i] + at)
  return (whole_vector){WORD(0), WORD(1), WORD(2),  WORD(3),  WORD(4),  WORD(5),  WORD(6),  WORD(7),
                        WORD(8), WORD(9), WORD(10), WORD(11), WORD(12), WORD(13), WORD(14), WORD(15)};
#undef WORD
}

FORMAT vector lower_halves(whole_vector words) { return _mm512_cvtph_ps(_mm512_cvtepi32_epi16((__m512i)words)); }

#include "word_factors.h"

// A column's numbers of 16 rows, in bytes, are every fourth of a vector's words: pairs of columns become pairs of words.
// parts: rows r, 4 + r, 8 + r and 12 + r of sixteen columns each.
WORDS static inline void store_pairs(const __m512i parts[4], char *target) {
  const __m512i first = _mm512_broadcast_i32x4(_mm_setr_epi8(-1, 0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13));
  const __m512i second =
      _mm512_broadcast_i32x4(_mm_setr_epi8(-1, 2, -1, 3, -1, 6, -1, 7, -1, 10, -1, 11, -1, 14, -1, 15));
  __m512i low[2] = {_mm512_unpacklo_epi32(parts[0], parts[1]), _mm512_unpacklo_epi32(parts[2], parts[3])};
  __m512i high[2] = {_mm512_unpackhi_epi32(parts[0], parts[1]), _mm512_unpackhi_epi32(parts[2], parts[3])};
  __m512i fours[4] = {_mm512_unpacklo_epi64(low[0], low[1]), _mm512_unpackhi_epi64(low[0], low[1]),
                      _mm512_unpacklo_epi64(high[0], high[1]), _mm512_unpackhi_epi64(high[0], high[1])};
  for (int i = 0; i < 4; i++, target += 2 * pair_bytes) {
    _mm512_store_si512(target, _mm512_srai_epi16(_mm512_shuffle_epi8(fours[i], first), 8));
    _mm512_store_si512(target + pair_bytes, _mm512_srai_epi16(_mm512_shuffle_epi8(fours[i], second), 8));
  }
}

FORMAT void pack_run(stored_format format, const uint8_t *const rows[words_run], place place, ptrdiff_t ahead,
                     char *record) {
  const ptrdiff_t at = place.at, run = place.run;
  for (int half = 0; half < 2; half++) {
    const uint8_t *const *own = rows + 16 * half;
    __m512i low[4], high[4];
    UNROLLED for (int r = 0; r < 4; r++) {
      UNROLLED for (int i = r; i < 16; i += 4) __builtin_prefetch(own[i] + at + ahead, 0, 2);
      __m512i a = joined(numbers(format, own[r] + at, run), numbers(format, own[r + 4] + at, run));
      __m512i b = joined(numbers(format, own[r + 8] + at, run), numbers(format, own[r + 12] + at, run));
      low[r] = _mm512_shuffle_i64x2(a, b, 0x88);
      high[r] = _mm512_shuffle_i64x2(a, b, 0xDD);
    }
    store_pairs(low, record + half * 64);
    store_pairs(high, record + half * 64 + 8 * pair_bytes);
    factors factors = factors_of(format, own, at, run);
    _mm512_store_ps(record + factors_at + half * 64, factors.scales);
    _mm512_store_ps(record + minima_at + half * 64, factors.minima);
  }
}

// Rows' scales are parts of the largest, in 15 bits.
WORDS static inline void store_scales(__m512 low, __m512 high, char *record) {
  number most = {largest_bits(low, high)};
  float nothing = most.value - most.value;
  __m512 factor = _mm512_set1_ps(most.value > 1e-30f && nothing == 0 ? largest / most.value : 0);
  _mm512_store_si512(record + parts_at, joined(_mm512_cvtepi32_epi16(_mm512_cvtps_epi32(_mm512_mul_ps(low, factor))),
                                               _mm512_cvtepi32_epi16(_mm512_cvtps_epi32(_mm512_mul_ps(high, factor)))));
  // A product's high half, rounded, is 2⁻¹⁵ of it.
  *(float *)(record + largest_at) = (most.value > 1e-30f ? most.value * (32768.0f / 32767.0f) : 0) + nothing;
  _mm512_store_ps(record + row_scales_at, low);
  _mm512_store_ps(record + row_scales_at + 64, high);
}

FORMAT void pack_run_transposed(stored_format format, const uint8_t *const rows[words_run], place place, ptrdiff_t ahead,
                                char *record) {
  const ptrdiff_t at = place.at, run = place.run;
  for (int pair = 0; pair < pairs; pair++) {
    const uint8_t *even = rows[2 * pair] + at, *odd = rows[2 * pair + 1] + at;
    __builtin_prefetch(even + ahead, 0, 2);
    __builtin_prefetch(odd + ahead, 0, 2);
    __m256i first = numbers(format, even, run), second = numbers(format, odd, run);
    // Columns 0–7 and 16–23, then the others.
    __m256i outer = _mm256_unpacklo_epi8(first, second), inner = _mm256_unpackhi_epi8(first, second);
    char *target = record + pair * pair_bytes;
    _mm512_store_si512(target, _mm512_cvtepi8_epi16(_mm256_permute2x128_si256(outer, inner, 0x20)));
    _mm512_store_si512(target + 64, _mm512_cvtepi8_epi16(_mm256_permute2x128_si256(outer, inner, 0x31)));
  }
  store_scales(factors_of(format, rows, at, run).scales, factors_of(format, rows + 16, at, run).scales, record);
}

FORMAT void copy_minima(stored_format format, const uint8_t *const rows[words_run], place place, float *minima,
                        ptrdiff_t stride) {
  for (int half = 0; half < 2; half++) {
    float own[16];
    _mm512_storeu_ps(own, factors_of(format, rows + 16 * half, place.at, place.run).minima);
    for (int r = 0; r < 16; r++) minima[(16 * half + r) * stride] = own[r];
  }
}

#define TARGET WORDS
#define NAMED(name) words_wide_##name
#include "word_runs.h"

#endif
