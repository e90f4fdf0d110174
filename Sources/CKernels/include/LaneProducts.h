// Small products of float32 matrices for attention on x86 processors with AVX2 or AVX-512, and the softmax between them.
//
// The left operand is read where it lies, its numbers one by one; of the right one 32 columns at a time, which must lie
// side by side: rows of a matrix do, columns are packed. Every number of a result is one sum in the order of the depth,
// whatever is computed beside it and however the depth is cut into products that add to each other.

#ifndef NLFT_LANE_PRODUCTS_H
#define NLFT_LANE_PRODUCTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "Tiles.h"

// Only where a function's pointer may be null counts for Swift.
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wnullability-completeness"

/// Columns of a right operand that lie side by side.
enum { lanes_columns = 32 };

/// A left operand: number k of row i is numbers[i·row + k·step].
typedef struct {
  const float *numbers;
  ptrdiff_t row, step;
} lanes_left;

/// A right operand: number k of column j is numbers[j / 32·panel + k·step + j mod 32].
typedef struct {
  const float *numbers;
  ptrdiff_t step, panel;
} lanes_right;

/// Packs up to 32 lines that lie as rows as columns of a right operand: number k of line i becomes panel[k·32 + i];
/// zeros fill it up to 32 lines.
void lanes_pack(const float *source, ptrdiff_t stride, ptrdiff_t lines, ptrdiff_t depth, float *panel);

/// The functions for vectors of one width.
typedef struct {
  /// c[i·stride + j] ← (accumulate ? c : 0) + Σ left row i · right column j.
  void (*_Nonnull multiply)(lanes_left left, lanes_right right, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t depth,
                            bool accumulate, float *c, ptrdiff_t stride);

  /// maxima[16·line + k mod 16] ← the larger of itself and every score k that the line sees, of `keys` scores (a
  /// multiple of 16).
  void (*_Nonnull maxima)(const float *scores, ptrdiff_t stride, ptrdiff_t lines, ptrdiff_t keys,
                          const tiles_seen *seen, float *maxima);

  /// Replaces each score by e^(score − largest[line]), zero where nothing is seen, and adds it to
  /// sums[16·line + k mod 16], key after key; of `keys` scores (a multiple of 16).
  void (*_Nonnull exponentials)(float *scores, ptrdiff_t stride, ptrdiff_t lines, ptrdiff_t keys,
                                const tiles_seen *seen, const float *largest, float *sums);

  /// Replaces scores by the probabilities P = e^(score − normalizers[line]), and their gradient dP by the scores' own,
  /// P∘(dP − pulls[line]); zeros where nothing is seen. Of `keys` scores (a multiple of 16).
  void (*_Nonnull softmax_gradient)(float *scores, float *gradient, ptrdiff_t stride, ptrdiff_t lines, ptrdiff_t keys,
                                    const tiles_seen *seen, const float *normalizers, const float *pulls);
} lanes_kernels;

/// Those for AVX-512; null where the processor lacks the instructions.
const lanes_kernels *_Nullable lanes_wide(void);

/// Those for AVX2, vectors of 256 bits; null where the processor lacks the instructions.
const lanes_kernels *_Nullable lanes_half(void);

/// The maxima for AVX-512, which tile registers come with.
void lanes_wide_maxima(const float *scores, ptrdiff_t stride, ptrdiff_t lines, ptrdiff_t keys, const tiles_seen *seen,
                       float *maxima);

#pragma clang diagnostic pop

#endif
