#include "IntegerProducts.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include "integer_layout.h"

// The library is built for any processor; only these functions use what must be asked for first.
#define HALF __attribute__((target("avx2,fma,f16c")))
#define UNROLLED _Pragma("clang loop unroll(full)")

// A block is four vectors of sixteen words: the upper sixteen bits of inputs 0–15 and 16–31, then the low bytes. Behind
// all blocks, in fours, come for each its scale and its sum of inputs.
enum { input_bytes = 4 * 32 };

HALF static inline float total_of(__m256 x) {
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

HALF static inline float every_second_of(__m256 x) {
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  return _mm_cvtss_f32(_mm_movehdup_ps(_mm_add_ps(four, _mm_movehl_ps(four, four))));
}

HALF static inline float largest_of(__m256 x) {
  __m128 four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

HALF static inline int whole_total_of(__m256i x) {
  __m128i four = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
  __m128i two = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4E));
  return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 0xB1)));
}

// Words of two vectors of whole numbers, in order: packing goes by halves of vectors.
HALF static inline void store_packed(__m256i low, __m256i high, char *target) {
  _mm256_store_si256((__m256i *)target, _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xD8));
}

// A block of inputs as words, its scale and its sum.
HALF static inline void prepare_block(const float *x, char *target, float factors[2]) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  __m256 part[4], most = _mm256_setzero_ps(), nothing = _mm256_setzero_ps();
  UNROLLED for (int i = 0; i < 4; i++) {
    part[i] = _mm256_loadu_ps(x + 8 * i);
    most = _mm256_max_ps(most, _mm256_andnot_ps(sign, part[i]));
    // Zero, unless something is not finite.
    nothing = _mm256_add_ps(nothing, _mm256_sub_ps(part[i], part[i]));
  }
  const float size = largest_of(most);
  const __m256 factor = _mm256_set1_ps(size > 1e-30f ? largest / size : 0);
  __m256i upper[4], lower[4], total = _mm256_setzero_si256();
  UNROLLED for (int i = 0; i < 4; i++) {
    __m256i q = _mm256_cvtps_epi32(_mm256_mul_ps(part[i], factor));
    lower[i] = _mm256_srai_epi32(_mm256_slli_epi32(q, 24), 24);
    upper[i] = _mm256_srai_epi32(_mm256_sub_epi32(q, lower[i]), 8);
    total = _mm256_add_epi32(total, q);
  }
  UNROLLED for (int i = 0; i < 2; i++) {
    store_packed(upper[2 * i], upper[2 * i + 1], target + 32 * i);
    store_packed(lower[2 * i], lower[2 * i + 1], target + 64 + 32 * i);
  }
  factors[0] = (size > 1e-30f ? size / largest : 0) + total_of(nothing);
  factors[1] = factors[0] * (float)whole_total_of(total);
}

HALF void integers_half_prepare(const float *x, ptrdiff_t blocks, void *inputs) {
  const ptrdiff_t padded = (blocks + 3) / 4 * 4;
  char *words = inputs;
  float *factors = (float *)(words + padded * input_bytes);
  for (ptrdiff_t block = 0; block < padded; block++) {
    if (block < blocks) {
      prepare_block(x + 32 * block, words + block * input_bytes, factors + 2 * block);
    } else {
      // Blocks that fill the last four up count nothing.
      factors[2 * block] = factors[2 * block + 1] = 0;
      UNROLLED for (int i = 0; i < 4; i++) {
        _mm256_store_si256((__m256i *)(words + block * input_bytes) + i, _mm256_setzero_si256());
      }
    }
  }
}

#define FORMAT HALF KNOWN

// What four blocks begin with: for each its scale, then its minimum where the format has them, the scale again where all
// numbers have the same offset, else anything.
FORMAT __m256 heads_of(integers_format format, const uint8_t *row, const ptrdiff_t at[4]) {
  __m128i heads = _mm_setr_epi32(word_at(row + at[0]), word_at(row + at[1]), word_at(row + at[2]), word_at(row + at[3]));
  if (format == integers_q4_0) {
    heads = _mm_shuffle_epi8(heads, _mm_setr_epi8(0, 1, 0, 1, 4, 5, 4, 5, 8, 9, 8, 9, 12, 13, 12, 13));
  }
  return _mm256_cvtph_ps(heads);
}

// The sums of four rows, and in every second lane those of their minima.
typedef struct {
  __m256 sums[4], minima[4];
} totals;

// Numbers 0–15 and 16–31 of a block, as words.
FORMAT void numbers_of(integers_format format, const uint8_t *block, __m256i numbers[2]) {
  if (format == integers_q8_0) {
    numbers[0] = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(block + 2)));
    numbers[1] = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(block + 18)));
  } else {
    const uint8_t *nibbles = block + (format == integers_q4_0 ? 2 : 4);
    __m256i both = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)nibbles));
    numbers[0] = _mm256_and_si256(both, _mm256_set1_epi16(0x0F));
    numbers[1] = _mm256_srli_epi16(both, 4);
  }
}

// Adds the products of four blocks of four rows. at: the blocks' offsets in a row; factors: their scales and sums.
FORMAT void add_group(integers_format format, const uint8_t *const rows[4], const ptrdiff_t at[4], const char *words,
                      const float *factors, totals *totals) {
  float scaled[4][8];
  UNROLLED for (int r = 0; r < 4; r++) {
    const __m256 own = _mm256_mul_ps(heads_of(format, rows[r], at), _mm256_loadu_ps(factors));
    if (format != integers_q8_0) totals->minima[r] = _mm256_add_ps(totals->minima[r], own);
    _mm256_storeu_ps(scaled[r], own);
  }
  UNROLLED for (int c = 0; c < 4; c++) {
    const __m256i *own = (const __m256i *)(words + c * input_bytes);
    const __m256i upper[2] = {_mm256_load_si256(own), _mm256_load_si256(own + 1)};
    const __m256i lower[2] = {_mm256_load_si256(own + 2), _mm256_load_si256(own + 3)};
    UNROLLED for (int r = 0; r < 4; r++) {
      __m256i numbers[2];
      numbers_of(format, rows[r] + at[c], numbers);
      __m256i high = _mm256_add_epi32(_mm256_madd_epi16(numbers[0], upper[0]), _mm256_madd_epi16(numbers[1], upper[1]));
      __m256i low = _mm256_add_epi32(_mm256_madd_epi16(numbers[0], lower[0]), _mm256_madd_epi16(numbers[1], lower[1]));
      __m256 value = _mm256_fmadd_ps(_mm256_cvtepi32_ps(high), _mm256_set1_ps(256), _mm256_cvtepi32_ps(low));
      totals->sums[r] = _mm256_fmadd_ps(value, _mm256_set1_ps(scaled[r][2 * c]), totals->sums[r]);
    }
  }
}

FORMAT void multiply(integers_format format, const uint8_t *const rows[4], ptrdiff_t blocks, const void *inputs,
                     float y[4]) {
  const ptrdiff_t bytes = block_bytes(format), padded = (blocks + 3) / 4 * 4;
  const char *words = inputs;
  const float *factors = (const float *)(words + padded * input_bytes);
  totals totals;
  UNROLLED for (int r = 0; r < 4; r++) totals.sums[r] = totals.minima[r] = _mm256_setzero_ps();
  for (ptrdiff_t block = 0; block < blocks; block += 4) {
    // Blocks beyond the row's last are that one again; the inputs count nothing there.
    ptrdiff_t at[4];
    UNROLLED for (int c = 0; c < 4; c++) at[c] = (block + c < blocks ? block + c : blocks - 1) * bytes;
    ask_ahead(rows[0] + 4 * block * bytes, 16 * bytes);
    add_group(format, rows, at, words + block * input_bytes, factors + 2 * block, &totals);
  }
  for (int r = 0; r < 4; r++) {
    y[r] = total_of(totals.sums[r]);
    if (format == integers_q8_0) continue;
    // Numbers of four bits are stored without the offset that makes half of them negative.
    y[r] += (format == integers_q4_0 ? -8 : 1) * every_second_of(totals.minima[r]);
  }
}

HALF void integers_half_multiply(integers_format format, const uint8_t *const rows[4], ptrdiff_t blocks,
                                 const void *inputs, float y[4]) {
  switch (format) {
    case integers_q4_0: multiply(integers_q4_0, rows, blocks, inputs, y); break;
    case integers_q4_1: multiply(integers_q4_1, rows, blocks, inputs, y); break;
    case integers_q8_0: multiply(integers_q8_0, rows, blocks, inputs, y); break;
  }
}

#endif
