#include "WordProducts.h"

#if defined(__x86_64__)

#include "half_words.h"

// Takes the inputs of a run out that are too large; the sum of those.
HALF static float take_out(const float *x, ptrdiff_t start, float row_limit, ptrdiff_t room, __m256 part[4],
                           outlier *own, int32_t *count) {
  __m256 total = _mm256_add_ps(_mm256_add_ps(magnitude(part[0]), magnitude(part[1])),
                               _mm256_add_ps(magnitude(part[2]), magnitude(part[3])));
  const float run_limit = sum_of(total) * (above_run / words_run);
  const __m256 limit = _mm256_set1_ps(row_limit > run_limit ? row_limit : run_limit);
  float sum = 0;
  for (int i = 0; i < 4; i++) {
    __m256 mask = _mm256_cmp_ps(magnitude(part[i]), limit, _CMP_GT_OQ);
    unsigned out = (unsigned)_mm256_movemask_ps(mask);
    // Where there is no room for them they stay, and the run is as coarse as they make it.
    if (out == 0 || *count + __builtin_popcount(out) > room) continue;
    part[i] = _mm256_andnot_ps(mask, part[i]);
    for (; out != 0; out &= out - 1) {
      const int place = i * 8 + __builtin_ctz(out);
      own[(*count)++] = (outlier){(int32_t)start + place, x[place]};
      sum += x[place];
    }
  }
  return sum;
}

HALF void words_half_pack_rows(const float *source, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t depth, void *panel) {
  char *record = panel;
  const ptrdiff_t runs = depth / words_run, room = runs * words_outliers;
  const __m256i ones = _mm256_set1_epi16(1), zero = _mm256_setzero_si256();
  int32_t *counts = (int32_t *)(record + runs * words_input_bytes);
  outlier *outliers = (outlier *)(counts + 16);
  for (int row = 0; row < 16; row++) counts[row] = 0;
  float row_limits[words_rows];
  for (ptrdiff_t row = 0; row < rows; row++) row_limits[row] = above_row * mean_magnitude(source + row * stride, depth);
  for (ptrdiff_t start = 0; start < depth; start += words_run, record += words_input_bytes) {
    float *scales = (float *)(record + scales_at), *sums = (float *)(record + sums_at);
    for (ptrdiff_t row = 0; row < 16; row++) scales[row] = sums[row] = 0;
    for (ptrdiff_t row = 0; row < words_rows; row++) {
      __m256i *target = (__m256i *)(record + row * row_bytes);
      if (row >= rows) {
        _mm256_store_si256(target, zero);
        _mm256_store_si256(target + 1, zero);
        continue;
      }
      const float *x = source + row * stride + start;
      __m256 part[4] = {_mm256_loadu_ps(x), _mm256_loadu_ps(x + 8), _mm256_loadu_ps(x + 16), _mm256_loadu_ps(x + 24)};
      float sum = 0;
      number most = {largest_bits(part)};
      // Nothing is larger than what is no number.
      if (most.value > row_limits[row]) {
        sum = take_out(x, start, row_limits[row], room, part, outliers + row * room, counts + row);
        most.bits = largest_bits(part);
      }
      const float nothing = most.value - most.value;
      const bool counts_much = most.value > 1e-30f && nothing == 0;
      store_words(part, _mm256_set1_ps(counts_much ? largest / most.value : 0), target);
      scales[row] = (counts_much ? most.value * (1 / largest) : 0) + nothing;
      // The sum of what the words stand for, so that rounding counts once.
      __m256i whole = _mm256_add_epi32(_mm256_madd_epi16(target[0], ones), _mm256_madd_epi16(target[1], ones));
      sums[row] = sum + scales[row] * (float)whole_sum_of(whole);
    }
  }
}

// Eight results of the sixteen of a group.
enum { lanes = 8, weights_ahead = words_weight_bytes };

typedef float vector __attribute__((ext_vector_type(8)));
typedef int32_t whole_vector __attribute__((ext_vector_type(8)));

// The sum is written out: the compiler would add up four pairs in another order, for which there are not registers enough.
HALF static inline whole_vector add_products(whole_vector sums, whole_vector a, whole_vector b) {
  __asm__("vpaddd %1, %0, %0" : "+x"(sums) : "x"(_mm256_madd_epi16((__m256i)a, (__m256i)b)));
  return sums;
}

#define TARGET HALF
#define NAMED(name) words_half_##name
#include "word_groups.h"
#include "half_products.h"

#endif
