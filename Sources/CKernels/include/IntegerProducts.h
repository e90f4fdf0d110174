// Products of one row of numbers with quantised weights in integers, by the instructions that multiply bytes (VNNI).
//
// A block of 32 inputs is written as scale · q with whole q of 23 bits and sign, q = 65536·high + 256·middle + low, each
// a signed byte: that keeps as much of the largest input as float32 does. The sums over a block are whole numbers;
// float32 begins where they are scaled.

#ifndef NLFT_INTEGER_PRODUCTS_H
#define NLFT_INTEGER_PRODUCTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// The formats of GGUF whose blocks of 32 are understood.
typedef enum { integers_q4_0, integers_q4_1, integers_q8_0 } integers_format;

/// Whether the processor has the instructions; no other function may be called where it has not.
bool integers_available(void);

/// Bytes that the inputs of `blocks` blocks take.
static inline size_t integers_input_bytes(ptrdiff_t blocks) { return (size_t)((blocks + 3) / 4) * (6 * 64 + 2 * 16); }

/// Writes 32·`blocks` numbers as whole ones. A number that is not finite makes every product with its block NaN.
/// - `inputs`: 64-byte aligned, `integers_input_bytes` long.
void integers_prepare(const float *x, ptrdiff_t blocks, void *inputs);

/// y[r] ← Σ weights of row r · x, for four rows of `blocks` blocks each; rows may be given twice.
void integers_multiply(integers_format format, const uint8_t *const rows[4], ptrdiff_t blocks, const void *inputs,
                       float y[4]);

#endif
