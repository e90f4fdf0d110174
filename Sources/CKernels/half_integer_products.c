#include "IntegerProducts.h"

#if defined(__x86_64__)

#include "half_groups.h"

// A run is four vectors of sixteen words: inputs at even places and at odd ones, then the same of their low bytes, where
// it has them. Behind all runs, in fours, come for each its scale and its sum of inputs; then whether it has low bytes.
enum { input_bytes = 4 * 32 };

typedef struct {
  char *words;
  float *factors;
  int32_t *have_low_bytes;
} parts;

KNOWN parts parts_of(const void *inputs, ptrdiff_t runs) {
  const ptrdiff_t groups = (runs + 3) / 4;
  char *words = (char *)inputs;
  float *factors = (float *)(words + 4 * groups * input_bytes);
  return (parts){words, factors, (int32_t *)(factors + 8 * groups)};
}

// A run has low bytes if one of its inputs is this many times as large as the mean of the row: 16 bits would else be
// coarse for the row.
static const float above_row = 12, largest_word = 32767;

HALF static inline float largest_of(__m256 x) {
  __m128 four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

// The words of 32 whole numbers, those at even places, then those at odd ones: the order in which bytes come apart.
HALF static inline void store_words(const __m256i x[4], char *target) {
  const __m256i order = _mm256_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15,  //
                                         0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15);
  __m256i half[2];
  UNROLLED for (int i = 0; i < 2; i++) {
    // Packing goes by halves of vectors.
    __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(x[2 * i], x[2 * i + 1]), 0xD8);
    half[i] = _mm256_permute4x64_epi64(_mm256_shuffle_epi8(words, order), 0xD8);
  }
  _mm256_store_si256((__m256i *)target, _mm256_permute2x128_si256(half[0], half[1], 0x20));
  _mm256_store_si256((__m256i *)(target + 32), _mm256_permute2x128_si256(half[0], half[1], 0x31));
}

// A run of inputs as words, its scale and its sum; whether it has low bytes.
HALF static inline bool prepare_run(const float *x, float limit, char *target, float factors[2]) {
  __m256 part[4], most = _mm256_setzero_ps(), nothing = _mm256_setzero_ps();
  UNROLLED for (int i = 0; i < 4; i++) {
    part[i] = _mm256_loadu_ps(x + 8 * i);
    most = _mm256_max_ps(most, magnitude(part[i]));
    // Zero, unless something is not finite.
    nothing = _mm256_add_ps(nothing, _mm256_sub_ps(part[i], part[i]));
  }
  const float size = largest_of(most);
  const bool has_low_bytes = size > limit;
  const float range = has_low_bytes ? largest : largest_word;
  const __m256 factor = _mm256_set1_ps(size > 1e-30f ? range / size : 0);
  __m256i whole[4], lower[4], total = _mm256_setzero_si256();
  UNROLLED for (int i = 0; i < 4; i++) {
    whole[i] = _mm256_cvtps_epi32(_mm256_mul_ps(part[i], factor));
    total = _mm256_add_epi32(total, whole[i]);
  }
  if (has_low_bytes) {
    UNROLLED for (int i = 0; i < 4; i++) {
      lower[i] = _mm256_srai_epi32(_mm256_slli_epi32(whole[i], 24), 24);
      whole[i] = _mm256_srai_epi32(_mm256_sub_epi32(whole[i], lower[i]), 8);
    }
    store_words(lower, target + 64);
  }
  store_words(whole, target);
  factors[0] = (size > 1e-30f ? size / range : 0) + sum_of(nothing);
  factors[1] = factors[0] * (float)whole_sum_of(total);
  return has_low_bytes;
}

HALF void integers_half_prepare(const float *x, ptrdiff_t runs, bool keep_every_digit, void *inputs) {
  parts target = parts_of(inputs, runs);
  const float limit = keep_every_digit ? -1 : above_row * mean_magnitude(x, 32 * runs);
  for (ptrdiff_t run = 0; run < runs; run++) {
    target.have_low_bytes[run] =
        prepare_run(x + 32 * run, limit, target.words + run * input_bytes, target.factors + 2 * run);
  }
  // Runs that fill the last four up count nothing.
  for (ptrdiff_t run = runs; run % 4 != 0; run++) target.factors[2 * run] = target.factors[2 * run + 1] = 0;
}

// Products of a run's numbers with its words.
HALF static inline __m256 products_of(const __m256i numbers[2], const __m256i words[2]) {
  return _mm256_cvtepi32_ps(
      _mm256_add_epi32(_mm256_madd_epi16(numbers[0], words[0]), _mm256_madd_epi16(numbers[1], words[1])));
}

// Adds the products of up to four runs of four rows.
FORMAT void add_runs(stored_format format, const uint8_t *const rows[4], four_runs runs, int count, parts input,
                     __m256 sums[4]) {
  float scaled[4][8];
  UNROLLED for (int r = 0; r < 4; r++) {
    const __m256 own = factors_of(format, heads_of(format, rows[r], runs), input.factors);
    if (minimum_part(format) != 0) sums[r] = _mm256_fmadd_ps(own, minima_of(format), sums[r]);
    _mm256_storeu_ps(scaled[r], own);
  }
  // Read back from memory one by one: the compiler would spread them in registers, which takes longer.
  __asm__("" : "+m"(scaled));
  UNROLLED for (int c = 0; c < 4; c++) {
    if (c >= count) continue;
    const __m256i *words = (const __m256i *)(input.words + c * input_bytes);
    const __m256i upper[2] = {_mm256_load_si256(words), _mm256_load_si256(words + 1)};
    if (input.have_low_bytes[c]) {
      const __m256i lower[2] = {_mm256_load_si256(words + 2), _mm256_load_si256(words + 3)};
      UNROLLED for (int r = 0; r < 4; r++) {
        __m256i numbers[2];
        numbers_of(format, rows[r] + runs.at[c], run_of(format, runs, c), numbers);
        __m256 value = _mm256_fmadd_ps(products_of(numbers, upper), _mm256_set1_ps(256), products_of(numbers, lower));
        sums[r] = _mm256_fmadd_ps(value, factor_of(format, scaled[r], c), sums[r]);
      }
    } else {
      UNROLLED for (int r = 0; r < 4; r++) {
        __m256i numbers[2];
        numbers_of(format, rows[r] + runs.at[c], run_of(format, runs, c), numbers);
        sums[r] = _mm256_fmadd_ps(products_of(numbers, upper), factor_of(format, scaled[r], c), sums[r]);
      }
    }
  }
}

// What is left of the inputs behind four runs.
KNOWN parts behind(parts input) {
  return (parts){input.words + 4 * input_bytes, input.factors + 8, input.have_low_bytes + 4};
}

FORMAT void multiply(stored_format format, const uint8_t *const rows[4], ptrdiff_t runs, const void *inputs,
                     float y[4]) {
  const ptrdiff_t bytes = block_bytes(format), blocks = runs / block_runs(format);
  parts input = parts_of(inputs, runs);
  __m256 sums[4];
  UNROLLED for (int r = 0; r < 4; r++) sums[r] = _mm256_setzero_ps();
  const uint8_t *own[4] = {rows[0], rows[1], rows[2], rows[3]};
  // Blocks that are read together.
  const ptrdiff_t together = block_runs(format) == 1 ? 4 : 1;
  ptrdiff_t rest = blocks;
  for (; rest >= together; rest -= together) {
    ask_ahead(rows[0] + 4 * (own[0] - rows[0]), 4 * together * bytes);
    if (together == 4) {
      add_runs(format, own, (four_runs){{0, bytes, 2 * bytes, 3 * bytes}, 0}, 4, input, sums);
      input = behind(input);
    } else {
      UNROLLED for (int half = 0; half < 2; half++) {
        add_runs(format, own, (four_runs){{0, 0, 0, 0}, 4 * half}, 4, input, sums);
        input = behind(input);
      }
    }
    UNROLLED for (int r = 0; r < 4; r++) own[r] += together * bytes;
  }
  if (rest > 0) {
    // Blocks beyond the row's last are that one again: the inputs count nothing there.
    four_runs last = {.first = 0};
    UNROLLED for (int c = 0; c < 4; c++) last.at[c] = (c < rest ? c : rest - 1) * bytes;
    add_runs(format, own, last, (int)rest, input, sums);
  }
  for (int r = 0; r < 4; r++) {
    const float second = has_nibbles_alone(format) ? 0.0625f : 1;
    y[r] = sum_of(_mm256_mul_ps(sums[r], _mm256_setr_ps(1, 1, 1, 1, second, second, second, second)));
  }
}

HALF void integers_half_multiply(stored_format format, const uint8_t *const rows[4], ptrdiff_t runs,
                                 const void *inputs, float y[4]) {
  FOR_FORMAT(format, multiply, rows, runs, inputs, y)
}

#endif
