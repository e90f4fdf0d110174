// Products of many rows of numbers with quantised weights in 16-bit integers, by the instructions that multiply pairs of
// words and add them: two of a vector's products for one in float32.
//
// A run of 32 inputs is written as scale · q with whole q of 15 bits and sign: that is precise to 2⁻¹⁶ of the run's
// largest input. Inputs that are much larger than the others of their run would spoil that; they are taken out and
// multiplied in float32, as many as there is room for. Weights are the stored integers themselves, so nothing of them is
// rounded. The sums over a run are whole numbers; float32 begins where they are scaled.
//
// Inputs are packed into panels of twelve rows: a record for each run of depth, of twelve rows of 32 words, sixteen scales
// and sixteen sums of inputs; then how many inputs of each row were taken out, and these. Weights are packed into panels of
// 32 results, a record for each run of depth: sixteen pairs of depth, each 32 results, and what scales them.

#ifndef NLFT_WORD_PRODUCTS_H
#define NLFT_WORD_PRODUCTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "StoredFormats.h"

// Only where a function's pointer may be null counts for Swift.
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wnullability-completeness"

enum {
  /// Rows of a panel of inputs.
  words_rows = 12,
  /// Numbers of a run, and results of a panel of weights.
  words_run = 32,
  /// Bytes of a run in a panel of inputs, and in one of weights.
  words_input_bytes = words_rows * 64 + 128,
  words_weight_bytes = 16 * 128 + 256,
  /// Inputs of a row that can be taken out, for each of its runs.
  words_outliers = 3
};

/// Bytes of a panel of inputs of so many runs, a multiple of 64.
static inline ptrdiff_t words_panel_bytes(ptrdiff_t runs) {
  return runs * words_input_bytes + 64 + (runs * words_rows * words_outliers * 8 + 63) / 64 * 64;
}

/// A product of float32 that is added to a panel's results: narrow[narrow_stride·row + k] · factor[32·k + result].
typedef struct {
  const float *narrow;
  ptrdiff_t narrow_stride, depth;
  const float *factor;
} words_update;

/// Where the results of a panel of inputs and one of weights go: `rows` up to 12, `columns` up to 32.
typedef struct {
  float *base;
  ptrdiff_t stride, rows, columns;
} words_result;

/// What the weights of a run have beside a scale for each result: nothing, minima, or a scale of their own for the inputs
/// 16–31.
typedef enum { words_nothing, words_minima, words_second_scales } words_beside;

/// What is read after a product, and asked for while it is computed: inputs come from memory. There may be nothing.
typedef struct {
  const void *_Nullable base;
  ptrdiff_t bytes;
} words_ahead;

/// The runs of a panel that belong to a product: some of all that it has.
typedef struct {
  ptrdiff_t first, count, all;
} words_runs;

/// The functions for vectors of one width. What one packs others can multiply.
typedef struct {
  /// Packs up to twelve rows of `depth` numbers, a multiple of 32; rows that are missing count nothing. A number that is
  /// not finite makes every product with its run NaN.
  void (*_Nonnull pack_rows)(const float *source, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t depth, void *panel);

  /// Packs the `count` runs of the weights of 32 results, a record after the other.
  /// - `rows`: where each result's weights begin in the file; for results that are missing any that are there.
  /// - `ahead`: so many bytes behind each row's is what will be read next.
  void (*_Nonnull pack_weights)(stored_format format, const uint8_t *const rows[words_run], ptrdiff_t ahead,
                                ptrdiff_t count, void *records);

  /// Packs `count` runs, from run `first` on, of 32 rows of a weight for the product with its transpose, their records
  /// `stride` bytes apart. Not for formats with second scales.
  void (*_Nonnull pack_transposed)(stored_format format, const uint8_t *const rows[words_run], ptrdiff_t ahead,
                                   ptrdiff_t first, ptrdiff_t count, void *records, ptrdiff_t stride);

  /// What is added to each product with run k of row r, for `count` runs of 32 rows: minima[stride·r + k].
  void (*_Nonnull minima)(stored_format format, const uint8_t *const rows[words_run], ptrdiff_t count, float *minima,
                          ptrdiff_t stride);

  /// result ← inputs · weightsᵀ over all runs of a panel, plus the update, of which there is none if its depth is 0.
  void (*_Nonnull multiply)(const void *inputs, const void *weights, ptrdiff_t runs, words_beside beside,
                            const words_update *update, const words_ahead *ahead, const words_result *result);

  /// result ← inputs · weights over some runs, weights packed by `pack_transposed`; added to the result if asked.
  /// - `offsets`: a number for each of the rows that is added to all its results, `offset_stride` apart; null for none.
  void (*_Nonnull multiply_transposed)(const void *inputs, const void *weights, const words_runs *runs,
                                       const float *offsets, ptrdiff_t offset_stride, bool accumulate,
                                       const words_ahead *ahead, const words_result *result);
} words_kernels;

/// Those for vectors of 512 bits with VNNI; null where the processor lacks the instructions.
const words_kernels *_Nullable words_wide(void);

/// Those for AVX2, vectors of 256 bits, with AVX-VNNI where the processor has that; null where it lacks the instructions.
const words_kernels *_Nullable words_half(void);

#pragma clang diagnostic pop

#endif
