// Weights packed for products in words (WordProducts.h) by vectors of 256 bits, straight from a file's blocks.

#include "WordProducts.h"

#if defined(__x86_64__)

#include "half_words.h"
#include "word_formats.h"

// The format is known wherever these are called, so that nothing is asked for each run.
#define FORMAT HALF __attribute__((always_inline)) static inline

// The four bytes at a place of each of eight rows.
FORMAT __m256i words_of(const uint8_t *const rows[8], ptrdiff_t at) {
#define WORD(i) ((int)word_at(rows[i] + at))
  return _mm256_setr_epi32(WORD(0), WORD(1), WORD(2), WORD(3), WORD(4), WORD(5), WORD(6), WORD(7));
#undef WORD
}

FORMAT __m256 lower_halves(__m256i words) {
  const __m256i own = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, -1, -1, -1, -1, -1, -1, -1, -1));
  __m256i halves = _mm256_permute4x64_epi64(_mm256_shuffle_epi8(words, own), 0x08);
  return _mm256_cvtph_ps(_mm256_castsi256_si128(halves));
}

FORMAT __m256i bits_from(__m256i words, ptrdiff_t first, int mask) {
  return _mm256_and_si256(_mm256_srl_epi32(words, _mm_cvtsi32_si128((int)first)), _mm256_set1_epi32(mask));
}

// The six-bit scale, or minimum, of a run of eight super-blocks: the first four are whole bytes, of the others the low
// nibble is here and the upper two bits lie on top of the first.
FORMAT __m256 six_bits(const uint8_t *const rows[8], ptrdiff_t at, ptrdiff_t place, ptrdiff_t run) {
  __m256i first = words_of(rows, at + 4 + 4 * place), all;
  if (run < 4) {
    all = bits_from(first, 8 * run, 0x3F);
  } else {
    __m256i low = bits_from(words_of(rows, at + 12), 8 * (run - 4) + 4 * place, 0x0F);
    all = _mm256_or_si256(low, _mm256_slli_epi32(bits_from(first, 8 * (run - 4) + 6, 0x03), 4));
  }
  return _mm256_cvtepi32_ps(all);
}

// What a run of eight rows' numbers is multiplied with, and what is added to it.
typedef struct {
  __m256 scales, minima;
} factors;

FORMAT factors factors_of(words_format format, const uint8_t *const rows[8], ptrdiff_t at, ptrdiff_t run) {
  __m256i heads = words_of(rows, at);
  factors own = {lower_halves(heads), _mm256_setzero_ps()};
  switch (format) {
    case words_q8_0:
    case words_q4_0:
    case words_q5_0: return own;
    case words_q4_1:
    case words_q5_1: own.minima = lower_halves(_mm256_srli_epi32(heads, 16)); break;
    case words_q4_k:
    case words_q5_k: {
      __m256 minimum = lower_halves(_mm256_srli_epi32(heads, 16));
      own.scales = _mm256_mul_ps(six_bits(rows, at, 0, run), own.scales);
      own.minima = _mm256_sub_ps(_mm256_setzero_ps(), _mm256_mul_ps(six_bits(rows, at, 1, run), minimum));
      break;
    }
  }
  // The product is exact: the middle value is a power of two.
  own.minima = _mm256_fmadd_ps(own.scales, _mm256_set1_ps((float)middle(format)), own.minima);
  return own;
}

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

FORMAT void pack_run(words_format format, const uint8_t *const rows[words_run], place place, ptrdiff_t ahead,
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

FORMAT void pack_run_transposed(words_format format, const uint8_t *const rows[words_run], place place, ptrdiff_t ahead,
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

FORMAT void copy_minima(words_format format, const uint8_t *const rows[words_run], place place, float *minima,
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
