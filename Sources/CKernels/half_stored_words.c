// Weights packed for products in words (WordProducts.h) by vectors of 256 bits, straight from a file's blocks.

#include "WordProducts.h"

#if defined(__x86_64__)

#include "half_words.h"
#include "stored_blocks.h"

#define FORMAT HALF __attribute__((always_inline)) static inline

typedef float vector __attribute__((ext_vector_type(8)));
typedef uint32_t whole_vector __attribute__((ext_vector_type(8)));

FORMAT whole_vector words_of(const uint8_t *const *rows, ptrdiff_t at) {
#define WORD(i) word_at(rows[i] + at)
  return (whole_vector){WORD(0), WORD(1), WORD(2), WORD(3), WORD(4), WORD(5), WORD(6), WORD(7)};
#undef WORD
}

FORMAT vector lower_halves(whole_vector words) {
  const __m256i own = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, -1, -1, -1, -1, -1, -1, -1, -1));
  __m256i halves = _mm256_permute4x64_epi64(_mm256_shuffle_epi8((__m256i)words, own), 0x08);
  return _mm256_cvtph_ps(_mm256_castsi256_si128(halves));
}

#include "word_factors.h"

// Sixteen bytes as words.
HALF static inline void store_widened(__m128i bytes, char *target) {
  _mm256_store_si256((__m256i *)target, _mm256_cvtepi8_epi16(bytes));
}

// Turns round eight rows' sixteen pairs of bytes: each pair of columns of the eight rows becomes a vector of words.
HALF static inline void store_pairs(const __m256i rows[8], char *target) {
  __m256i twos[8], fours[8];
  for (int i = 0; i < 4; i++) {
    twos[2 * i] = _mm256_unpacklo_epi16(rows[2 * i], rows[2 * i + 1]);
    twos[2 * i + 1] = _mm256_unpackhi_epi16(rows[2 * i], rows[2 * i + 1]);
  }
  for (int i = 0; i < 2; i++) {
    for (int j = 0; j < 2; j++) {
      fours[4 * i + 2 * j] = _mm256_unpacklo_epi32(twos[4 * i + j], twos[4 * i + 2 + j]);
      fours[4 * i + 2 * j + 1] = _mm256_unpackhi_epi32(twos[4 * i + j], twos[4 * i + 2 + j]);
    }
  }
  for (int i = 0; i < 4; i++) {
    __m256i even = _mm256_unpacklo_epi64(fours[i], fours[4 + i]), odd = _mm256_unpackhi_epi64(fours[i], fours[4 + i]);
    char *own = target + 2 * i * pair_bytes;
    store_widened(_mm256_castsi256_si128(even), own);
    store_widened(_mm256_castsi256_si128(odd), own + pair_bytes);
    store_widened(_mm256_extracti128_si256(even, 1), own + 8 * pair_bytes);
    store_widened(_mm256_extracti128_si256(odd, 1), own + 9 * pair_bytes);
  }
}

FORMAT void pack_run(stored_format format, const uint8_t *const rows[words_run], place place, ptrdiff_t ahead,
                     char *record) {
  for (int part = 0; part < 4; part++) {
    const uint8_t *const *own = rows + 8 * part;
    __m256i bytes[8];
    UNROLLED for (int r = 0; r < 8; r++) {
      __builtin_prefetch(own[r] + place.at + ahead, 0, 2);
      bytes[r] = numbers(format, own[r] + place.at, place.run);
    }
    store_pairs(bytes, record + part * 32);
    factors factors = factors_of(format, own, place.at, place.run);
    _mm256_store_ps((float *)(record + factors_at) + 8 * part, factors.scales);
    _mm256_store_ps((float *)(record + minima_at) + 8 * part, factors.minima);
  }
}

FORMAT void pack_run_transposed(stored_format format, const uint8_t *const rows[words_run], place place, ptrdiff_t ahead,
                                char *record) {
  for (int pair = 0; pair < pairs; pair++) {
    const uint8_t *even = rows[2 * pair] + place.at, *odd = rows[2 * pair + 1] + place.at;
    __builtin_prefetch(even + ahead, 0, 2);
    __builtin_prefetch(odd + ahead, 0, 2);
    __m256i first = numbers(format, even, place.run), second = numbers(format, odd, place.run);
    // Columns 0–7 and 16–23, then the others.
    __m256i outer = _mm256_unpacklo_epi8(first, second), inner = _mm256_unpackhi_epi8(first, second);
    char *target = record + pair * pair_bytes;
    store_widened(_mm256_castsi256_si128(outer), target);
    store_widened(_mm256_castsi256_si128(inner), target + 32);
    store_widened(_mm256_extracti128_si256(outer, 1), target + 64);
    store_widened(_mm256_extracti128_si256(inner, 1), target + 96);
  }
  // Rows' scales are parts of the largest, in 15 bits.
  __m256 scales[4];
  for (int part = 0; part < 4; part++) {
    scales[part] = factors_of(format, rows + 8 * part, place.at, place.run).scales;
    _mm256_store_ps((float *)(record + row_scales_at) + 8 * part, scales[part]);
  }
  number most = {largest_bits(scales)};
  const float nothing = most.value - most.value;
  store_words(scales, _mm256_set1_ps(most.value > 1e-30f && nothing == 0 ? largest / most.value : 0), record + parts_at);
  // A product's high half, rounded, is 2⁻¹⁵ of it.
  *(float *)(record + largest_at) = (most.value > 1e-30f ? most.value * (32768.0f / 32767.0f) : 0) + nothing;
}

FORMAT void copy_minima(stored_format format, const uint8_t *const rows[words_run], place place, float *minima,
                        ptrdiff_t stride) {
  for (int part = 0; part < 4; part++) {
    float own[8];
    _mm256_storeu_ps(own, factors_of(format, rows + 8 * part, place.at, place.run).minima);
    for (int r = 0; r < 8; r++) minima[(8 * part + r) * stride] = own[r];
  }
}

#define TARGET HALF
#define NAMED(name) words_half_##name
#include "word_runs.h"

#endif
