// Products of panels of words with vectors of 256 bits, whatever multiplies the words. A file that includes this has defined
// TARGET, the instructions it may use, and NAMED(name), the functions' names, and has included word_groups.h.

// Bytes of a pair, and results, of half a panel of weights: the group's sums for sixteen results take twelve of the sixteen
// registers.
enum { half_bytes = 64, half_results = 16 };

// The group's part of a result, whose first row is the group's.
GROUP void store(int height, const sums *sums, bool accumulate, words_result result) {
  const __m256i low = first_lanes(result.columns), high = first_lanes(result.columns - 8);
  // Storing some lanes alone is slow on these processors.
  const bool whole = result.columns >= half_results;
  UNROLLED for (int r = 0; r < height; r++) {
    if (r >= result.rows) return;
    float *y = result.base + r * result.stride;
    __m256 first = sums->at[r][0], second = sums->at[r][1];
    if (accumulate) {
      first = _mm256_add_ps(first, _mm256_maskload_ps(y, low));
      second = _mm256_add_ps(second, _mm256_maskload_ps(y + 8, high));
    }
    if (whole) {
      _mm256_storeu_ps(y, first);
      _mm256_storeu_ps(y + 8, second);
    } else {
      _mm256_maskstore_ps(y, low, first);
      _mm256_maskstore_ps(y + 8, high, second);
    }
  }
}

// The whole numbers at one place of a run, of eight results.
TARGET static inline __m256 weights_at(const char *record, int place, int part) {
  const __m256i both = _mm256_load_si256((const __m256i *)(record + (place >> 1) * pair_bytes + part * 32));
  return _mm256_cvtepi32_ps(_mm256_madd_epi16(both, _mm256_set1_epi32(place & 1 ? 0x10000 : 1)));
}

// What is there before a panel's runs are multiplied, for each of its rows and results.
typedef struct {
  _Alignas(32) float at[words_rows][words_run];
} start_sums;

// The products of the inputs that were taken out. By rows, not by groups: a list's end is not foreseen, so that both halves'
// results have it once.
TARGET static void multiply_outliers(const char *inputs, const char *weights, ptrdiff_t runs, words_beside beside,
                                     start_sums *start) {
  for (ptrdiff_t r = 0; r < words_rows; r++) {
    __m256 sums[4];
    UNROLLED for (int part = 0; part < 4; part++) sums[part] = _mm256_setzero_ps();
    outlier_list out = outliers_of(inputs, r, runs);
    for (const outlier *own = out.first; own < out.first + out.count; own++) {
      const char *record = weights + own->place / words_run * words_weight_bytes;
      const float *scales = (const float *)(record + scales_of(beside, own->place));
      const __m256 value = _mm256_set1_ps(own->value);
      UNROLLED for (int part = 0; part < 4; part++) {
        __m256 scaled = _mm256_mul_ps(weights_at(record, own->place % words_run, part), _mm256_load_ps(scales + part * 8));
        sums[part] = _mm256_fmadd_ps(scaled, value, sums[part]);
      }
    }
    UNROLLED for (int part = 0; part < 4; part++) _mm256_store_ps(start->at[r] + part * 8, sums[part]);
  }
}

// weights, factors, start_sums: those of the half.
GROUP void multiply_group(int height, bool by_halves, const char *inputs, ptrdiff_t start, const char *weights,
                          const char *factors, ptrdiff_t runs, bool have_minima, const float *start_sums,
                          words_update update, asked_lines *ahead, words_result result) {
  ask_for_results(height, half_bytes, result);
  sums sums;
  UNROLLED for (int r = 0; r < height; r++) {
    UNROLLED for (int part = 0; part < 2; part++) {
      sums.at[r][part] = _mm256_load_ps(start_sums + (start + r) * words_run + part * 8);
    }
  }
  for (ptrdiff_t run = 0; run < runs; run++) {
    const char *input = inputs + run * words_input_bytes, *record = weights + run * words_weight_bytes;
    const float *scales = (const float *)(input + scales_at) + start;
    const float *own_factors = (const float *)(factors + run * words_weight_bytes);
    add_products_of_run(height, by_halves, &sums, input + start * row_bytes, record, scales, own_factors, ahead);
    if (have_minima) {
      const float *minima = own_factors + (minima_at - factors_at) / 4;
      add_number(height, &sums, (const float *)(input + sums_at) + start, 1, minima);
    }
  }
  add_update(height, &sums, update, result.rows);
  store(height, &sums, false, result);
}

#define MULTIPLY(name, height, by_halves)                                                                            \
  TARGET __attribute__((noinline)) static void name(                                                                 \
      const char *inputs, ptrdiff_t start, const char *weights, const char *factors, ptrdiff_t runs,                 \
      bool have_minima, const float *start_sums, words_update update, asked_lines *ahead, words_result result) {     \
    multiply_group(height, by_halves, inputs, start, weights, factors, runs, have_minima, start_sums, update, ahead, \
                   result);                                                                                          \
  }
MULTIPLY(multiply_six, group_rows, false)
MULTIPLY(multiply_four, 4, false)
MULTIPLY(multiply_two, 2, false)
MULTIPLY(multiply_six_by_halves, group_rows, true)
MULTIPLY(multiply_four_by_halves, 4, true)
MULTIPLY(multiply_two_by_halves, 2, true)
#undef MULTIPLY

typedef void (*group_product)(const char *, ptrdiff_t, const char *, const char *, ptrdiff_t, bool, const float *,
                              words_update, asked_lines *, words_result);

// The part of a result that half of a panel's results are.
static inline words_result half_of(words_result result, int half) {
  result.base += half * half_results;
  result.columns -= half * half_results;
  return result;
}

TARGET void NAMED(multiply)(const void *inputs, const void *weights, ptrdiff_t runs, words_beside beside,
                            const words_update *update, const words_ahead *ahead, const words_result *result) {
  static const group_product plain[] = {multiply_six, multiply_four, multiply_two};
  static const group_product by_halves[] = {multiply_six_by_halves, multiply_four_by_halves, multiply_two_by_halves};
  const group_product *multiply = beside == words_second_scales ? by_halves : plain;
  asked_lines next = in_turns(*ahead, runs * groups_of(*result) * 2);
  start_sums start;
  multiply_outliers(inputs, weights, runs, beside, &start);
  // The weights of a half are read by one group after the other, from the first-level cache where they fit.
  for (int half = 0; half < 2 && half * half_results < result->columns; half++) {
    const char *own = (const char *)weights + half * half_bytes;
    const char *factors = (const char *)weights + factors_at + half * half_bytes;
    const float *own_start = start.at[0] + half * half_results;
    words_update part = *update;
    part.factor += part.depth > 0 ? half * half_results : 0;
    for (ptrdiff_t row = 0; row < result->rows; row += group_rows) {
      words_result rest = from_row(half_of(*result, half), row);
      const int few = rest.rows > 4 ? 0 : rest.rows > 2 ? 1 : 2;
      multiply[few](inputs, row, own, factors, runs, beside == words_minima, own_start, part, &next, rest);
      part.narrow += part.depth > 0 ? group_rows * part.narrow_stride : 0;
    }
  }
}

// The words of a group's rows times the rows' parts of a run's largest scale.
TARGET static inline void scale_run(const char *rows, const char *parts, char *scaled) {
  const __m256i *own = (const __m256i *)parts;
  UNROLLED for (int r = 0; r < group_rows; r++) {
    const __m256i *source = (const __m256i *)(rows + r * row_bytes);
    __m256i *target = (__m256i *)(scaled + r * row_bytes);
    _mm256_store_si256(target, _mm256_mulhrs_epi16(source[0], own[0]));
    _mm256_store_si256(target + 1, _mm256_mulhrs_epi16(source[1], own[1]));
  }
}

// The products of the inputs that were taken out, and the offsets.
TARGET static void multiply_outliers_transposed(const char *inputs, const char *weights, words_runs runs,
                                                const float *offsets, ptrdiff_t offset_stride, ptrdiff_t rows,
                                                start_sums *start) {
  const int32_t first = (int32_t)runs.first * words_run, end = first + (int32_t)runs.count * words_run;
  for (ptrdiff_t r = 0; r < words_rows; r++) {
    __m256 sums[4];
    UNROLLED for (int part = 0; part < 4; part++) {
      sums[part] = _mm256_set1_ps(offsets && r < rows ? offsets[r * offset_stride] : 0);
    }
    outlier_list out = outliers_of(inputs, r, runs.all);
    const outlier *own = out.first, *last = out.first + out.count;
    // They are in the order of their places.
    while (own < last && own->place < first) own++;
    for (; own < last && own->place < end; own++) {
      const int32_t place = own->place - first;
      const char *record = weights + place / words_run * words_weight_bytes;
      const float scale = ((const float *)(record + row_scales_at))[place % words_run];
      const __m256 value = _mm256_set1_ps(own->value * scale);
      UNROLLED for (int part = 0; part < 4; part++) {
        sums[part] = _mm256_fmadd_ps(weights_at(record, place % words_run, part), value, sums[part]);
      }
    }
    UNROLLED for (int part = 0; part < 4; part++) _mm256_store_ps(start->at[r] + part * 8, sums[part]);
  }
}

TARGET static void multiply_group_transposed(const char *inputs, ptrdiff_t start, const char *weights, words_runs runs,
                                             const start_sums *start_sums, bool accumulate, asked_lines *ahead,
                                             words_result result) {
  ask_for_results(group_rows, 2 * half_bytes, result);
  sums sums[2];
  UNROLLED for (int r = 0; r < group_rows; r++) {
    UNROLLED for (int part = 0; part < 4; part++) {
      sums[part / 2].at[r][part % 2] = _mm256_load_ps(start_sums->at[start + r] + part * 8);
    }
  }
  _Alignas(64) char scaled[group_rows * row_bytes];
  const char *input = inputs + runs.first * words_input_bytes, *record = weights;
  for (ptrdiff_t run = 0; run < runs.count; run++, input += words_input_bytes, record += words_weight_bytes) {
    const float most = *(const float *)(record + largest_at);
    const float *scales = (const float *)(input + scales_at) + start;
    scale_run(input + start * row_bytes, record + parts_at, scaled);
    ask(ahead);
    UNROLLED for (int half = 0; half < 2; half++) {
      whole_sums whole = multiply_run(group_rows, scaled, record + half * half_bytes);
      add_run_evenly(group_rows, &sums[half], &whole, scales, most);
    }
  }
  UNROLLED for (int half = 0; half < 2; half++) store(group_rows, &sums[half], accumulate, half_of(result, half));
}

TARGET void NAMED(multiply_transposed)(const void *inputs, const void *weights, const words_runs *runs,
                                       const float *offsets, ptrdiff_t offset_stride, bool accumulate,
                                       const words_ahead *ahead, const words_result *result) {
  asked_lines next = in_turns(*ahead, runs->count * groups_of(*result));
  start_sums start;
  multiply_outliers_transposed(inputs, weights, *runs, offsets, offset_stride, result->rows, &start);
  for (ptrdiff_t row = 0; row < result->rows; row += group_rows) {
    multiply_group_transposed(inputs, row, weights, *runs, &start, accumulate, &next, from_row(*result, row));
  }
}
