#include "WordProducts.h"

#if defined(__x86_64__)

#include "lanes.h"
#include "wide_words.h"

WORDS static inline float sum_of(__m512 low, __m512 high) { return _mm512_reduce_add_ps(_mm512_add_ps(low, high)); }

WORDS void words_wide_pack_rows(const float *source, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t depth, void *panel) {
  char *record = panel;
  const ptrdiff_t runs = depth / words_run;
  const __m512i ones = _mm512_set1_epi16(1);
  int32_t *counts = (int32_t *)(record + runs * words_input_bytes);
  outlier *outliers = (outlier *)(counts + 16);
  _mm512_store_si512(counts, _mm512_setzero_si512());
  float row_limits[words_rows];
  for (ptrdiff_t row = 0; row < rows; row++) {
    __m512 total[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
    for (ptrdiff_t k = 0; k < depth; k += words_run) {
      total[0] = _mm512_add_ps(total[0], _mm512_abs_ps(_mm512_loadu_ps(source + row * stride + k)));
      total[1] = _mm512_add_ps(total[1], _mm512_abs_ps(_mm512_loadu_ps(source + row * stride + k + 16)));
    }
    row_limits[row] = sum_of(total[0], total[1]) * (above_row / (float)depth);
  }
  for (ptrdiff_t start = 0; start < depth; start += words_run, record += words_input_bytes) {
    float *scales = (float *)(record + scales_at), *sums = (float *)(record + sums_at);
    _mm512_store_ps(scales, _mm512_setzero_ps());
    _mm512_store_ps(sums, _mm512_setzero_ps());
    for (ptrdiff_t row = 0; row < words_rows; row++) {
      char *target = record + row * row_bytes;
      if (row >= rows) {
        _mm512_store_si512(target, _mm512_setzero_si512());
        continue;
      }
      const float *x = source + row * stride + start;
      __m512 half[2] = {_mm512_loadu_ps(x), _mm512_loadu_ps(x + 16)};
      float sum = 0;
      number most = {largest_bits(half[0], half[1])};
      // Nothing is larger than what is no number.
      if (most.value > row_limits[row]) {
        const float run_limit = sum_of(_mm512_abs_ps(half[0]), _mm512_abs_ps(half[1])) * (above_run / words_run);
        const __m512 limit = _mm512_set1_ps(row_limits[row] > run_limit ? row_limits[row] : run_limit);
        for (int part = 0; part < 2; part++) {
          unsigned out = _mm512_cmp_ps_mask(_mm512_abs_ps(half[part]), limit, _CMP_GT_OQ);
          // Where there is no room for them they stay, and the run is as coarse as they make it.
          if (out == 0 || counts[row] + __builtin_popcount(out) > runs * words_outliers) continue;
          half[part] = _mm512_maskz_mov_ps((__mmask16)~out, half[part]);
          for (outlier *own = outliers + row * runs * words_outliers; out != 0; out &= out - 1) {
            const int place = part * 16 + __builtin_ctz(out);
            own[counts[row]++] = (outlier){(int32_t)start + place, x[place]};
            sum += x[place];
          }
        }
        most.bits = largest_bits(half[0], half[1]);
      }
      float nothing = most.value - most.value;
      bool counts_much = most.value > 1e-30f && nothing == 0;
      __m512 factor = _mm512_set1_ps(counts_much ? largest / most.value : 0);
      __m512i words = joined(_mm512_cvtepi32_epi16(_mm512_cvtps_epi32(_mm512_mul_ps(half[0], factor))),
                             _mm512_cvtepi32_epi16(_mm512_cvtps_epi32(_mm512_mul_ps(half[1], factor))));
      _mm512_store_si512(target, words);
      scales[row] = (counts_much ? most.value * (1 / largest) : 0) + nothing;
      // The sum of what the words stand for, so that rounding counts once.
      sums[row] = sum + scales[row] * (float)_mm512_reduce_add_epi32(_mm512_madd_epi16(words, ones));
    }
  }
}

// A group's sums for the 32 results that a panel of weights has.
enum { lanes = 16, weights_ahead = 0 };

typedef float vector __attribute__((ext_vector_type(16)));
typedef int32_t whole_vector __attribute__((ext_vector_type(16)));

// Written out: the compiler would take some of them apart into a product and a sum.
WORDS static inline whole_vector add_products(whole_vector sums, whole_vector a, whole_vector b) {
  __asm__("vpdpwssd %2, %1, %0" : "+v"(sums) : "v"(a), "v"(b));
  return sums;
}

#define TARGET WORDS
#include "word_groups.h"

// The group's part of a result, whose first row is the group's.
GROUP void store(int height, const sums *sums, bool accumulate, words_result result) {
  __mmask16 low = first_lanes(result.columns), high = first_lanes(result.columns - 16);
  UNROLLED for (int r = 0; r < height; r++) {
    if (r >= result.rows) return;
    float *y = result.base + r * result.stride;
    __m512 first = sums->at[r][0], second = sums->at[r][1];
    if (accumulate) {
      first = _mm512_add_ps(first, _mm512_maskz_loadu_ps(low, y));
      second = _mm512_add_ps(second, _mm512_maskz_loadu_ps(high, y + 16));
    }
    _mm512_mask_storeu_ps(y, low, first);
    _mm512_mask_storeu_ps(y + 16, high, second);
  }
}

// The whole numbers at one place of depth, of sixteen results.
WORDS static inline __m512 weights_at(const char *record, int place, int half) {
  __m512i both = _mm512_load_si512(record + (place >> 1) * pair_bytes + half * 64);
  __m512i upper = _mm512_sll_epi32(both, _mm_cvtsi32_si128(place & 1 ? 0 : 16));
  return _mm512_cvtepi32_ps(_mm512_srai_epi32(upper, 16));
}

GROUP void multiply_group(int height, bool by_halves, const char *inputs, ptrdiff_t start, const char *weights,
                          ptrdiff_t runs, words_beside beside, words_update update, asked_lines *ahead,
                          words_result result) {
  ask_for_results(height, 128, result);
  sums sums;
  UNROLLED for (int r = 0; r < height; r++) sums.at[r][0] = sums.at[r][1] = _mm512_setzero_ps();
  const char *input = inputs, *record = weights;
  for (ptrdiff_t run = 0; run < runs; run++, input += words_input_bytes, record += words_weight_bytes) {
    const float *scales = (const float *)(input + scales_at) + start, *factors = (const float *)(record + factors_at);
    add_products_of_run(height, by_halves, &sums, input + start * row_bytes, record, scales, factors, ahead);
  }
  UNROLLED for (int r = 0; r < height; r++) {
    outlier_list out = outliers_of(inputs, start + r, runs);
    for (ptrdiff_t index = 0; index < out.count; index++) {
      const char *own = weights + out.first[index].place / words_run * words_weight_bytes;
      const float *factors = (const float *)(own + scales_of(beside, out.first[index].place));
      const __m512 value = _mm512_set1_ps(out.first[index].value);
      UNROLLED for (int half = 0; half < 2; half++) {
        __m512 scaled = _mm512_mul_ps(weights_at(own, out.first[index].place % words_run, half),
                                      _mm512_load_ps(factors + half * 16));
        sums.at[r][half] = _mm512_fmadd_ps(scaled, value, sums.at[r][half]);
      }
    }
  }
  if (beside == words_minima) {
    input = inputs;
    record = weights;
    for (ptrdiff_t run = 0; run < runs; run++, input += words_input_bytes, record += words_weight_bytes) {
      add_number(height, &sums, (const float *)(input + sums_at) + start, 1, (const float *)(record + minima_at));
    }
  }
  add_update(height, &sums, update, result.rows);
  store(height, &sums, false, result);
}

#define MULTIPLY(name, height, by_halves)                                                                      \
  WORDS static void name(const char *inputs, ptrdiff_t start, const char *weights, ptrdiff_t runs,             \
                         words_beside beside, words_update update, asked_lines *ahead, words_result result) {  \
    multiply_group(height, by_halves, inputs, start, weights, runs, beside, update, ahead, result);            \
  }
MULTIPLY(multiply_six, group_rows, false)
MULTIPLY(multiply_four, 4, false)
MULTIPLY(multiply_two, 2, false)
MULTIPLY(multiply_six_by_halves, group_rows, true)
MULTIPLY(multiply_four_by_halves, 4, true)
MULTIPLY(multiply_two_by_halves, 2, true)
#undef MULTIPLY

typedef void (*group_product)(const char *, ptrdiff_t, const char *, ptrdiff_t, words_beside, words_update, asked_lines *,
                              words_result);

WORDS void words_wide_multiply(const void *inputs, const void *weights, ptrdiff_t runs, words_beside beside,
                               const words_update *update, const words_ahead *ahead, const words_result *result) {
  static const group_product plain[] = {multiply_six, multiply_four, multiply_two};
  static const group_product by_halves[] = {multiply_six_by_halves, multiply_four_by_halves, multiply_two_by_halves};
  const group_product *multiply = beside == words_second_scales ? by_halves : plain;
  asked_lines next = in_turns(*ahead, runs * groups_of(*result));
  words_update part = *update;
  for (ptrdiff_t row = 0; row < result->rows; row += group_rows) {
    words_result rest = from_row(*result, row);
    const int few = rest.rows > 4 ? 0 : rest.rows > 2 ? 1 : 2;
    multiply[few](inputs, row, weights, runs, beside, part, &next, rest);
    part.narrow += part.depth > 0 ? group_rows * part.narrow_stride : 0;
  }
}

WORDS static void multiply_group_transposed(const char *inputs, ptrdiff_t start, const char *weights, words_runs runs,
                                            const float *offsets, ptrdiff_t offset_stride, bool accumulate,
                                            asked_lines *ahead, words_result result) {
  ask_for_results(group_rows, 128, result);
  sums sums;
  UNROLLED for (int r = 0; r < group_rows; r++) {
    sums.at[r][0] = sums.at[r][1] = _mm512_set1_ps(offsets && r < result.rows ? offsets[r * offset_stride] : 0);
  }
  _Alignas(64) char scaled[group_rows * row_bytes];
  const char *input = inputs + runs.first * words_input_bytes, *record = weights;
  for (ptrdiff_t run = 0; run < runs.count; run++, input += words_input_bytes, record += words_weight_bytes) {
    const __m512i parts = _mm512_load_si512(record + parts_at);
    const float most = *(const float *)(record + largest_at);
    const float *scales = (const float *)(input + scales_at) + start;
    ask(ahead);
    UNROLLED for (int r = 0; r < group_rows; r++) {
      _mm512_store_si512(scaled + r * row_bytes,
                         _mm512_mulhrs_epi16(_mm512_load_si512(input + (start + r) * row_bytes), parts));
    }
    whole_sums whole = multiply_run(group_rows, scaled, record);
    add_run_evenly(group_rows, &sums, &whole, scales, most);
  }
  const int32_t first = (int32_t)runs.first * words_run, end = first + (int32_t)runs.count * words_run;
  UNROLLED for (int r = 0; r < group_rows; r++) {
    outlier_list out = outliers_of(inputs, start + r, runs.all);
    for (ptrdiff_t index = 0; index < out.count; index++) {
      const int32_t place = out.first[index].place - first;
      if (place < 0 || place >= end - first) continue;
      const char *own = weights + place / words_run * words_weight_bytes;
      const float scale = ((const float *)(own + row_scales_at))[place % words_run];
      const __m512 value = _mm512_set1_ps(out.first[index].value * scale);
      sums.at[r][0] = _mm512_fmadd_ps(weights_at(own, place % words_run, 0), value, sums.at[r][0]);
      sums.at[r][1] = _mm512_fmadd_ps(weights_at(own, place % words_run, 1), value, sums.at[r][1]);
    }
  }
  store(group_rows, &sums, accumulate, result);
}

WORDS void words_wide_multiply_transposed(const void *inputs, const void *weights, const words_runs *runs,
                                          const float *offsets, ptrdiff_t offset_stride, bool accumulate,
                                          const words_ahead *ahead, const words_result *result) {
  asked_lines next = in_turns(*ahead, runs->count * groups_of(*result));
  for (ptrdiff_t row = 0; row < result->rows; row += group_rows) {
    multiply_group_transposed(inputs, row, weights, *runs, offsets ? offsets + row * offset_stride : NULL,
                              offset_stride, accumulate, &next, from_row(*result, row));
  }
}

#endif
