#include "IntegerProducts.h"

#if defined(__x86_64__)

#include "wide_groups.h"

// A group is four runs: six vectors of bytes (high, middle, low; of each first inputs 0–15 of the four runs, then
// 16–31), then all groups' scales, then all groups' sums of inputs.
enum { planes_bytes = 6 * 64 };

INTEGERS static inline __m512i lowest_byte(__m512i q) {
  return _mm512_srai_epi32(_mm512_slli_epi32(q, 24), 24);
}

INTEGERS void integers_wide_prepare(const float *x, ptrdiff_t runs, bool keep_every_digit, void *inputs) {
  // Bytes are three in any case.
  (void)keep_every_digit;
  ptrdiff_t groups = (runs + 3) / 4;
  int8_t *planes = inputs;
  float *scales = (float *)(planes + groups * planes_bytes), *sums = scales + 4 * groups;
  for (ptrdiff_t run = 0; run < 4 * groups; run++) {
    int8_t *place = planes + run / 4 * planes_bytes + run % 4 * 16;
    if (run >= runs) {
      // Runs that fill the last group up count nothing.
      for (int plane = 0; plane < 6; plane++) _mm_store_si128((__m128i *)(place + plane * 64), _mm_setzero_si128());
      scales[run] = sums[run] = 0;
      continue;
    }
    __m512 half[2] = {_mm512_loadu_ps(x + run * 32), _mm512_loadu_ps(x + run * 32 + 16)};
    float most = _mm512_reduce_max_ps(_mm512_max_ps(_mm512_abs_ps(half[0]), _mm512_abs_ps(half[1])));
    // Zero, unless something is not finite.
    float nothing = _mm512_reduce_add_ps(_mm512_add_ps(_mm512_sub_ps(half[0], half[0]), _mm512_sub_ps(half[1], half[1])));
    float factor = most > 1e-30f ? largest / most : 0;
    float scale = (most > 1e-30f ? most / largest : 0) + nothing;
    int total = 0;
    for (int part = 0; part < 2; part++) {
      __m512i q = _mm512_cvtps_epi32(_mm512_mul_ps(half[part], _mm512_set1_ps(factor)));
      __m512i low = lowest_byte(q), rest = _mm512_srai_epi32(_mm512_sub_epi32(q, low), 8);
      __m512i middle = lowest_byte(rest), high = _mm512_srai_epi32(_mm512_sub_epi32(rest, middle), 8);
      _mm_store_si128((__m128i *)(place + part * 64), _mm512_cvtepi32_epi8(high));
      _mm_store_si128((__m128i *)(place + 128 + part * 64), _mm512_cvtepi32_epi8(middle));
      _mm_store_si128((__m128i *)(place + 256 + part * 64), _mm512_cvtepi32_epi8(low));
      total += _mm512_reduce_add_epi32(q);
    }
    scales[run] = scale;
    sums[run] = scale * (float)total;
  }
}

// The prepared inputs of a group, and what is left of them.
typedef struct {
  const int8_t *planes;
  const float *scales, *sums;
} group_inputs;

KNOWN group_inputs behind(group_inputs input) {
  return (group_inputs){input.planes + planes_bytes, input.scales + 4, input.sums + 4};
}

typedef struct {
  // Lanes 4c to 4c + 3 of a row's sum belong to run c of the groups; of the minima, 4r + c to row r and run c.
  __m512 sums[4], minima;
} totals;

// The three bytes' products as one number.
INTEGERS static inline __m512 number_of(const __m512i product[3]) {
  const __m512 upper = _mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_slli_epi32(product[0], 8), product[1]));
  return _mm512_fmadd_ps(upper, _mm512_set1_ps(256), _mm512_cvtepi32_ps(product[2]));
}

INTEGERS static inline __m512i plane_of(group_inputs input, int plane, int half) {
  return _mm512_load_si512(input.planes + plane * 128 + half * 64);
}

// Adds a group's products for four rows.
FORMAT void add_group(stored_format format, const uint8_t *const rows[4], four_runs runs, bool are_neighbours,
                      group_inputs input, totals *totals) {
  const bool by_halves = format == stored_q6_k;
  const __m512i spread = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
  const __m512 scales = _mm512_broadcast_f32x4(_mm_loadu_ps(input.scales));
  group_factors factors = factors_of(format, rows, runs, are_neighbours);
  // What the numbers' offset makes of halves of the inputs; elsewhere it is among the minima.
  __m512i start[3][2];
  if (by_halves) {
    UNROLLED for (int plane = 0; plane < 3; plane++) {
      UNROLLED for (int half = 0; half < 2; half++) {
        const __m512i offset = _mm512_set1_epi8((char)middle(format));
        start[plane][half] = _mm512_sub_epi32(
            _mm512_setzero_si512(),
            _mm512_dpbusd_epi32(_mm512_setzero_si512(), offset, plane_of(input, plane, half)));
      }
    }
    factors.second_weights = _mm512_mul_ps(factors.second_weights, scales);
  } else {
    const __m512 sums = _mm512_broadcast_f32x4(_mm_loadu_ps(input.sums));
    totals->minima = _mm512_fmadd_ps(factors.minima, sums, totals->minima);
  }
  factors.weights = _mm512_mul_ps(factors.weights, scales);
  for (int r = 0; r < 4; r++) {
    const group_numbers own = numbers_of_group(format, rows[r], runs);
    const __m512i lanes = _mm512_add_epi32(spread, _mm512_set1_epi32(4 * r));
    __m512i product[3], second[3];
    UNROLLED for (int plane = 0; plane < 3; plane++) {
      const __m512i none = _mm512_setzero_si512();
      product[plane] =
          _mm512_dpbusd_epi32(by_halves ? start[plane][0] : none, own.first, plane_of(input, plane, 0));
      second[plane] =
          _mm512_dpbusd_epi32(by_halves ? start[plane][1] : product[plane], own.second, plane_of(input, plane, 1));
    }
    if (by_halves) {
      const __m512 weights = _mm512_permutexvar_ps(lanes, factors.second_weights);
      totals->sums[r] = _mm512_fmadd_ps(number_of(product), _mm512_permutexvar_ps(lanes, factors.weights), totals->sums[r]);
      totals->sums[r] = _mm512_fmadd_ps(number_of(second), weights, totals->sums[r]);
    } else {
      totals->sums[r] = _mm512_fmadd_ps(number_of(second), _mm512_permutexvar_ps(lanes, factors.weights), totals->sums[r]);
    }
  }
}

FORMAT void multiply(stored_format format, const uint8_t *const rows[4], ptrdiff_t runs, const void *inputs,
                     float y[4]) {
  const ptrdiff_t bytes = block_bytes(format), groups = (runs + 3) / 4, whole = runs / 4;
  const float *scales = (const float *)((const int8_t *)inputs + groups * planes_bytes);
  group_inputs input = {inputs, scales, scales + 4 * groups};
  totals totals = {.minima = _mm512_setzero_ps()};
  for (int r = 0; r < 4; r++) totals.sums[r] = _mm512_setzero_ps();
  if (block_runs(format) == 1) {
    for (ptrdiff_t group = 0; group < whole; group++, input = behind(input)) {
      const ptrdiff_t start = 4 * group * bytes;
      ask_ahead(rows[0] + 4 * start, 16 * bytes);
      const four_runs own = {{start, start + bytes, start + 2 * bytes, start + 3 * bytes}, 0};
      add_group(format, rows, own, true, input, &totals);
    }
    if (whole < groups) {
      // Blocks beyond the row's last are that one again; the inputs count nothing there.
      four_runs last = {.first = 0};
      for (int c = 0; c < 4; c++) last.at[c] = (4 * whole + c < runs ? 4 * whole + c : runs - 1) * bytes;
      ask_ahead(rows[0] + 16 * whole * bytes, 4 * (runs - 4 * whole) * bytes);
      add_group(format, rows, last, false, input, &totals);
    }
  } else {
    for (ptrdiff_t block = 0; block < runs / 8; block++) {
      const ptrdiff_t at = block * bytes;
      ask_ahead(rows[0] + 4 * at, 4 * bytes);
      UNROLLED for (int half = 0; half < 2; half++, input = behind(input)) {
        add_group(format, rows, (four_runs){{at, at, at, at}, 4 * half}, true, input, &totals);
      }
    }
  }
  float minima[16];
  _mm512_storeu_ps(minima, totals.minima);
  for (int r = 0; r < 4; r++) {
    const float *own = minima + 4 * r;
    y[r] = _mm512_reduce_add_ps(totals.sums[r]) + ((own[0] + own[1]) + (own[2] + own[3]));
  }
}

INTEGERS void integers_wide_multiply(
    stored_format format, const uint8_t *const rows[4], ptrdiff_t runs, const void *inputs, float y[4]) {
  FOR_FORMAT(format, multiply, rows, runs, inputs, y)
}

#endif
