#include "LaneProducts.h"

#if defined(__x86_64__)

#include "half_vectors.h"

#define UNROLLED _Pragma("clang loop unroll(full)")

// The most rows whose sums are in registers together, for sixteen columns: twelve of the sixteen registers. Rows of a right
// operand are asked for so many ahead.
enum { most_rows = 6, columns_together = 16, rows_ahead = 16 };

// Which of eight keys from `key` on are seen.
HALF static inline __m256 seen_lanes(tiles_seen seen, ptrdiff_t key) {
  return _mm256_castsi256_ps(_mm256_andnot_si256(first_lanes(seen.first - key), first_lanes(seen.end - key)));
}

static inline bool all_seen(tiles_seen seen, ptrdiff_t key) { return seen.first <= key && key + 8 <= seen.end; }

// Up to 6 rows of sixteen columns, or of fewer: those in `first` and `second`. Each number of the left operand is read once
// for two vectors of the right one. What is so many numbers ahead of the right one's is asked for.
__attribute__((always_inline)) HALF static inline void block(
    int rows, bool whole, lanes_left left, const float *right, ptrdiff_t step, ptrdiff_t ahead, __m256i first,
    __m256i second, ptrdiff_t depth, bool accumulate, float *c, ptrdiff_t stride) {
#define LOAD(source, mask) (whole ? _mm256_loadu_ps(source) : _mm256_maskload_ps(source, mask))
  __m256 sums[most_rows][2];
  UNROLLED for (int r = 0; r < rows; r++) {
    sums[r][0] = accumulate ? LOAD(c + r * stride, first) : _mm256_setzero_ps();
    sums[r][1] = accumulate ? LOAD(c + r * stride + 8, second) : _mm256_setzero_ps();
  }
  // Two places to count from, so that every row's place is one of them and at most twice the distance of rows.
  const float *thirds[2] = {left.numbers, left.numbers + 3 * left.row};
  for (ptrdiff_t k = 0; k < depth; k++, right += step) {
    __m256 b0 = LOAD(right, first), b1 = LOAD(right + 8, second);
    __builtin_prefetch(right + ahead, 0, 3);
    UNROLLED for (int r = 0; r < rows; r++) {
      __m256 a = _mm256_broadcast_ss(thirds[r / 3] + r % 3 * left.row);
      sums[r][0] = _mm256_fmadd_ps(a, b0, sums[r][0]);
      sums[r][1] = _mm256_fmadd_ps(a, b1, sums[r][1]);
    }
    UNROLLED for (int i = 0; i < 2; i++) thirds[i] += left.step;
  }
  UNROLLED for (int r = 0; r < rows; r++) {
    if (whole) {
      _mm256_storeu_ps(c + r * stride, sums[r][0]);
      _mm256_storeu_ps(c + r * stride + 8, sums[r][1]);
    } else {
      _mm256_maskstore_ps(c + r * stride, first, sums[r][0]);
      _mm256_maskstore_ps(c + r * stride + 8, second, sums[r][1]);
    }
  }
#undef LOAD
}

// Asks for the rows of a result that come next.
HALF static inline void ask_for_next_results(const float *c, ptrdiff_t stride) {
  UNROLLED for (int r = 0; r < most_rows; r++) __builtin_prefetch(c + r * stride, 1, 3);
}

// Rows of sixteen columns of a result, as many at a time as make all blocks nearly equal: one of few rows waits for its sums.
#define ROWS(name, whole)                                                                                           \
  HALF __attribute__((noinline)) static void name(lanes_left left, const float *right, ptrdiff_t step,              \
                                                  ptrdiff_t ahead, __m256i first, __m256i second, ptrdiff_t rows,   \
                                                  ptrdiff_t depth, bool accumulate, float *c, ptrdiff_t stride) {   \
    const float *next = c + columns_together;                                                                       \
    for (ptrdiff_t blocks = (rows + most_rows - 1) / most_rows; blocks > 0; blocks--) {                             \
      const ptrdiff_t height = (rows + blocks - 1) / blocks;                                                        \
      ask_for_next_results(blocks > 1 ? c + height * stride : next, stride);                                        \
      switch (height) {                                                                                             \
        case 1: block(1, whole, left, right, step, ahead, first, second, depth, accumulate, c, stride); break;      \
        case 2: block(2, whole, left, right, step, ahead, first, second, depth, accumulate, c, stride); break;      \
        case 3: block(3, whole, left, right, step, ahead, first, second, depth, accumulate, c, stride); break;      \
        case 4: block(4, whole, left, right, step, ahead, first, second, depth, accumulate, c, stride); break;      \
        case 5: block(5, whole, left, right, step, ahead, first, second, depth, accumulate, c, stride); break;      \
        default: block(most_rows, whole, left, right, step, ahead, first, second, depth, accumulate, c, stride);    \
      }                                                                                                             \
      rows -= height;                                                                                               \
      c += height * stride;                                                                                         \
      left.numbers += height * left.row;                                                                            \
    }                                                                                                               \
  }
ROWS(multiply_whole, true)
ROWS(multiply_part, false)
#undef ROWS

// Where a column of a right operand begins.
static inline ptrdiff_t place_of(ptrdiff_t column, lanes_right right) {
  return column / lanes_columns * right.panel + column % lanes_columns;
}

HALF void lanes_half_multiply(lanes_left left, lanes_right right, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t depth,
                               bool accumulate, float *c, ptrdiff_t stride) {
  for (ptrdiff_t column = 0; column < columns; column += columns_together) {
    const ptrdiff_t place = place_of(column, right);
    const float *own = right.numbers + place;
    // Packed lines are followed by the next columns', rows of a matrix by the next rows.
    const ptrdiff_t ahead =
        right.step == lanes_columns ? place_of(column + columns_together, right) - place : rows_ahead * right.step;
    const __m256i first = first_lanes(columns - column), second = first_lanes(columns - column - 8);
    if (columns - column >= columns_together) {
      multiply_whole(left, own, right.step, ahead, first, second, rows, depth, accumulate, c + column, stride);
    } else {
      multiply_part(left, own, right.step, ahead, first, second, rows, depth, accumulate, c + column, stride);
    }
  }
}

// e^x for x that is not far above zero, within 2e-7 of itself; below −87 about 1e-38; what is no number stays none. As a
// power of two it has a whole part, and a fraction from −½ to ½, to which a polynomial is fitted.
HALF static inline __m256 exponential(__m256 x) {
  // The second operand is taken where one is no number.
  x = _mm256_max_ps(_mm256_set1_ps(-126), _mm256_mul_ps(x, _mm256_set1_ps(1.44269504f)));
  __m256 n = _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m256 f = _mm256_sub_ps(x, n);
  __m256 p = _mm256_fmadd_ps(f, _mm256_set1_ps(1.535336050e-4f), _mm256_set1_ps(1.339887502e-3f));
  p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(9.618436918e-3f));
  p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(5.550332367e-2f));
  p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(2.402264774e-1f));
  p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(6.931471825e-1f));
  p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(1.0f));
  __m256i power = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
  return _mm256_mul_ps(p, _mm256_castsi256_ps(power));
}

HALF void lanes_half_maxima(const float *scores, ptrdiff_t stride, ptrdiff_t lines, ptrdiff_t keys,
                             const tiles_seen *seen, float *maxima) {
  for (ptrdiff_t line = 0; line < lines; line++, scores += stride, maxima += 16) {
    __m256 most[2] = {_mm256_loadu_ps(maxima), _mm256_loadu_ps(maxima + 8)};
    for (ptrdiff_t key = 0; key < keys; key += 16) {
      UNROLLED for (int half = 0; half < 2; half++) {
        const ptrdiff_t own = key + 8 * half;
        __m256 larger = _mm256_max_ps(_mm256_loadu_ps(scores + own), most[half]);
        most[half] =
            all_seen(seen[line], own) ? larger : _mm256_blendv_ps(most[half], larger, seen_lanes(seen[line], own));
      }
    }
    _mm256_storeu_ps(maxima, most[0]);
    _mm256_storeu_ps(maxima + 8, most[1]);
  }
}

HALF void lanes_half_exponentials(float *scores, ptrdiff_t stride, ptrdiff_t lines, ptrdiff_t keys,
                                   const tiles_seen *seen, const float *largest, float *sums) {
  for (ptrdiff_t line = 0; line < lines; line++, scores += stride, sums += 16) {
    const __m256 offset = _mm256_set1_ps(largest[line]);
    __m256 sum[2] = {_mm256_loadu_ps(sums), _mm256_loadu_ps(sums + 8)};
    for (ptrdiff_t key = 0; key < keys; key += 16) {
      UNROLLED for (int half = 0; half < 2; half++) {
        const ptrdiff_t own = key + 8 * half;
        __m256 value = exponential(_mm256_sub_ps(_mm256_loadu_ps(scores + own), offset));
        if (!all_seen(seen[line], own)) value = _mm256_and_ps(value, seen_lanes(seen[line], own));
        sum[half] = _mm256_add_ps(sum[half], value);
        _mm256_storeu_ps(scores + own, value);
      }
    }
    _mm256_storeu_ps(sums, sum[0]);
    _mm256_storeu_ps(sums + 8, sum[1]);
  }
}

HALF void lanes_half_softmax_gradient(float *scores, float *gradient, ptrdiff_t stride, ptrdiff_t lines,
                                       ptrdiff_t keys, const tiles_seen *seen, const float *normalizers,
                                       const float *pulls) {
  for (ptrdiff_t line = 0; line < lines; line++, scores += stride, gradient += stride) {
    const __m256 normalizer = _mm256_set1_ps(normalizers[line]), pull = _mm256_set1_ps(pulls[line]);
    for (ptrdiff_t key = 0; key < keys; key += 8) {
      __m256 p = exponential(_mm256_sub_ps(_mm256_loadu_ps(scores + key), normalizer));
      __m256 own = _mm256_mul_ps(p, _mm256_sub_ps(_mm256_loadu_ps(gradient + key), pull));
      if (!all_seen(seen[line], key)) {
        const __m256 mask = seen_lanes(seen[line], key);
        p = _mm256_and_ps(p, mask);
        own = _mm256_and_ps(own, mask);
      }
      _mm256_storeu_ps(scores + key, p);
      _mm256_storeu_ps(gradient + key, own);
    }
  }
}

#endif
