// Products of one row of numbers with quantised weights in integers, by the instructions that multiply bytes (VNNI) or
// words (AVX2).
//
// A run of 32 inputs is written as scale · q with whole q of 23 bits and sign, in three signed bytes or in two words:
// that keeps as much of the largest input as float32 does. Where words are multiplied, runs whose
// inputs are not large beside the row's are written in one word. The sums over a run are whole numbers; float32 begins where
// they are scaled.

#ifndef NLFT_INTEGER_PRODUCTS_H
#define NLFT_INTEGER_PRODUCTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "StoredFormats.h"

/// Bytes that the inputs of `runs` runs take, at most.
static inline size_t integers_input_bytes(ptrdiff_t runs) { return (size_t)((runs + 3) / 4) * (8 * 64 + 3 * 16); }

// Only where a function's pointer may be null counts for Swift.
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wnullability-completeness"

/// The functions for vectors of one width. Each multiplies what it prepared itself.
typedef struct {
  /// Writes 32·`runs` numbers as whole ones. A number that is not finite makes every product with its run NaN.
  /// - `keep_every_digit`: whether all runs keep what float32 does.
  /// - `inputs`: 64-byte aligned, `integers_input_bytes` long.
  void (*_Nonnull prepare)(const float *x, ptrdiff_t runs, bool keep_every_digit, void *inputs);

  /// y[r] ← Σ weights of row r · x, for four rows of `runs` runs each; rows may be given twice.
  void (*_Nonnull multiply)(stored_format format, const uint8_t *const rows[4], ptrdiff_t runs, const void *inputs,
                            float y[4]);
} integers_kernels;

/// Those for vectors of 512 bits with VNNI; null where the processor lacks the instructions.
const integers_kernels *_Nullable integers_wide(void);

/// Those for AVX2, vectors of 256 bits; null where the processor lacks the instructions.
const integers_kernels *_Nullable integers_half(void);

#pragma clang diagnostic pop

#endif
