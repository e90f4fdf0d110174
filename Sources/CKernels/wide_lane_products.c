#include "LaneProducts.h"

#if defined(__x86_64__)

#include "lanes.h"

// The most rows whose sums are in registers together: 24 of the 32 registers.
enum { most_rows = 12 };

// Up to 12 rows of up to 32 columns. Each number of the left operand is read once for two vectors of the right one.
__attribute__((always_inline)) LANES static inline void block(
    int rows, lanes_left left, const float *right, ptrdiff_t step, __mmask16 first, __mmask16 second, ptrdiff_t depth,
    bool accumulate, float *c, ptrdiff_t stride) {
  __m512 sums[most_rows][2];
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++) {
    sums[r][0] = accumulate ? _mm512_maskz_loadu_ps(first, c + r * stride) : _mm512_setzero_ps();
    sums[r][1] = accumulate ? _mm512_maskz_loadu_ps(second, c + r * stride + 16) : _mm512_setzero_ps();
  }
  // Four places to count from, so that every row's place is one of them and at most twice the distance of rows.
  const float *thirds[4];
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) thirds[i] = left.numbers + 3 * i * left.row;
  for (ptrdiff_t k = 0; k < depth; k++, right += step) {
    __m512 b0 = _mm512_maskz_loadu_ps(first, right), b1 = _mm512_maskz_loadu_ps(second, right + 16);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) {
      __m512 a = _mm512_set1_ps(thirds[r / 3][r % 3 * left.row]);
      sums[r][0] = _mm512_fmadd_ps(a, b0, sums[r][0]);
      sums[r][1] = _mm512_fmadd_ps(a, b1, sums[r][1]);
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++) thirds[i] += left.step;
  }
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++) {
    _mm512_mask_storeu_ps(c + r * stride, first, sums[r][0]);
    _mm512_mask_storeu_ps(c + r * stride + 16, second, sums[r][1]);
  }
}

LANES void lanes_wide_multiply(lanes_left left, lanes_right right, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t depth,
                               bool accumulate, float *c, ptrdiff_t stride) {
  // A panel of the right operand stays in the first-level cache while all rows go past it.
  for (ptrdiff_t column = 0; column < columns; column += lanes_columns, right.numbers += right.panel) {
    const __mmask16 first = first_lanes(columns - column), second = first_lanes(columns - column - 16);
    lanes_left part = left;
    for (ptrdiff_t row = 0; row < rows; row += most_rows, part.numbers += most_rows * left.row) {
      float *target = c + row * stride + column;
      switch (rows - row) {
#define ROWS(count) \
  block(count, part, right.numbers, right.step, first, second, depth, accumulate, target, stride); \
  break
        case 1: ROWS(1);
        case 2: ROWS(2);
        case 3: ROWS(3);
        case 4: ROWS(4);
        case 5: ROWS(5);
        case 6: ROWS(6);
        case 7: ROWS(7);
        case 8: ROWS(8);
        case 9: ROWS(9);
        case 10: ROWS(10);
        case 11: ROWS(11);
        default: ROWS(most_rows);
#undef ROWS
      }
    }
  }
}

// e^x for x that is not far above zero, within 2e-7 of itself; what is no number stays none. As a power of two it has a
// whole part, and a fraction from −½ to ½, to which a polynomial is fitted.
LANES static inline __m512 exponential(__m512 x) {
  x = _mm512_mul_ps(x, _mm512_set1_ps(1.44269504f));
  __m512 n = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m512 f = _mm512_sub_ps(x, n);
  __m512 p = _mm512_fmadd_ps(f, _mm512_set1_ps(1.535336050e-4f), _mm512_set1_ps(1.339887502e-3f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(9.618436918e-3f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(5.550332367e-2f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(2.402264774e-1f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(6.931471825e-1f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.0f));
  return _mm512_scalef_ps(p, n);
}

LANES void lanes_wide_maxima(const float *scores, ptrdiff_t stride, ptrdiff_t lines, ptrdiff_t keys,
                             const tiles_seen *seen, float *maxima) {
  for (ptrdiff_t line = 0; line < lines; line++, scores += stride, maxima += 16) {
    __m512 largest = _mm512_loadu_ps(maxima);
    for (ptrdiff_t key = 0; key < keys; key += 16) {
      __m512 x = _mm512_loadu_ps(scores + key);
      if (seen[line].first <= key && key + 16 <= seen[line].end) {
        largest = _mm512_max_ps(x, largest);
      } else {
        largest = _mm512_mask_max_ps(largest, seen_lanes(seen[line], key), x, largest);
      }
    }
    _mm512_storeu_ps(maxima, largest);
  }
}

LANES void lanes_wide_exponentials(float *scores, ptrdiff_t stride, ptrdiff_t lines, ptrdiff_t keys,
                                   const tiles_seen *seen, const float *largest, float *sums) {
  for (ptrdiff_t line = 0; line < lines; line++, scores += stride, sums += 16) {
    const __m512 offset = _mm512_set1_ps(largest[line]);
    __m512 sum = _mm512_loadu_ps(sums);
    for (ptrdiff_t key = 0; key < keys; key += 16) {
      __m512 value = exponential(_mm512_sub_ps(_mm512_loadu_ps(scores + key), offset));
      value = _mm512_maskz_mov_ps(seen_lanes(seen[line], key), value);
      sum = _mm512_add_ps(sum, value);
      _mm512_storeu_ps(scores + key, value);
    }
    _mm512_storeu_ps(sums, sum);
  }
}

LANES void lanes_wide_softmax_gradient(float *scores, float *gradient, ptrdiff_t stride, ptrdiff_t lines,
                                       ptrdiff_t keys, const tiles_seen *seen, const float *normalizers,
                                       const float *pulls) {
  for (ptrdiff_t line = 0; line < lines; line++, scores += stride, gradient += stride) {
    const __m512 normalizer = _mm512_set1_ps(normalizers[line]), pull = _mm512_set1_ps(pulls[line]);
    for (ptrdiff_t key = 0; key < keys; key += 16) {
      const __mmask16 lanes = seen_lanes(seen[line], key);
      __m512 p = exponential(_mm512_sub_ps(_mm512_loadu_ps(scores + key), normalizer));
      p = _mm512_maskz_mov_ps(lanes, p);
      __m512 pulled = _mm512_sub_ps(_mm512_loadu_ps(gradient + key), pull);
      _mm512_storeu_ps(scores + key, p);
      _mm512_storeu_ps(gradient + key, _mm512_maskz_mul_ps(lanes, p, pulled));
    }
  }
}

#endif
