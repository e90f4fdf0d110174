// Matrix products on the tile registers of x86 processors (AMX), which Swift has no instructions for.
//
// A float x is stored as two bfloat16 numbers, high = round(x) and low = round(x − high): 16 bits of significand.
// A product is high·high + high·low + low·high, summed in float32; what is left out is below 2⁻¹⁶ of it.
//
// An operand is packed into panels of 32 lines. A panel is a row of blocks, one for every 32 numbers of depth (the
// dimension that is summed over; padded with zeros), 4096 bytes each: [lines 0–15 high][16–31 high][low][low].
// Left operands are packed line by line, right operands as pairs along the depth, as the instructions want them.

#ifndef NLFT_TILES_H
#define NLFT_TILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Asks the operating system for the tile registers; false if processor or system have none.
/// Call it once, before any other function below.
bool tiles_request(void);

/// Sets up the calling thread's tile registers; between it and `tiles_end` the thread may multiply.
void tiles_begin(void);
/// Clears the calling thread's tile registers, so that the system need not save them.
void tiles_end(void);

/// Packs up to 32 lines that lie as rows: number k of line i is source[i·stride + k], times `scale`.
/// `pairs`: as a right operand. `panel` is 64-byte aligned.
void tiles_pack_rows(const float *source, ptrdiff_t stride, ptrdiff_t lines, ptrdiff_t depth, float scale, bool pairs,
                     void *panel);
/// Packs up to 32 lines that lie as columns: number k of line i is source[k·stride + i], times `scale`.
void tiles_pack_columns(const float *source, ptrdiff_t stride, ptrdiff_t lines, ptrdiff_t depth, float scale,
                        bool pairs, void *panel);

/// c[i·stride + j] ← (accumulate ? c : 0) + Σ left line i · right line j, over `blocks` blocks; 32 × 32 numbers.
void tiles_multiply(const void *left, const void *right, ptrdiff_t blocks, bool accumulate, float *c,
                    ptrdiff_t stride);
/// Also left line i · right line j of one block that lies elsewhere, as if it were one more of depth; null for none.
void tiles_multiply_and(const void *left, const void *right, ptrdiff_t blocks, const void *more_left,
                        const void *more_right, bool accumulate, float *c, ptrdiff_t stride);
/// The same into the transposed place, c[j·stride + i]: what `tiles_multiply_and` gives with left and right exchanged, to
/// the last bit.
void tiles_multiply_transposed_and(const void *left, const void *right, ptrdiff_t blocks, const void *more_left,
                                   const void *more_right, bool accumulate, float *c, ptrdiff_t stride);

/// The keys that a line of scores sees, counted from the first key of a stretch: first ≤ key < end, none if end ≤ first.
typedef struct {
  int32_t first, end;
} tiles_seen;

/// What turns a line of scores s into probabilities e^(s − normalizer), and their gradient dP into that to the scores.
typedef struct {
  float normalizer, pull, scale;
} tiles_softmax_row;

/// Packs e^(score − largest[line]) of up to 32 lines and `keys` keys (a multiple of 32) as a left operand, zeros where
/// nothing is seen; adds them to sums[16·line + k mod 16], key after key.
void tiles_pack_exponentials(const float *scores, ptrdiff_t stride, ptrdiff_t lines, ptrdiff_t keys,
                             const tiles_seen *seen, const float *largest, float *sums, void *panel);

/// Packs the probabilities P of up to 32 lines and `keys` keys (a multiple of 32), and dS = scale · P∘(dP − pull), zeros
/// where nothing is seen: dS as a left operand whose lines are the scores' lines, dS and P as right operands whose lines
/// are keys and whose depth are the scores' lines; of these a block for every 32 keys, `panel_bytes` apart.
void tiles_pack_softmax_gradient(const float *scores, const float *gradient, ptrdiff_t stride, ptrdiff_t lines,
                                 ptrdiff_t keys, const tiles_seen *seen, const tiles_softmax_row *rows,
                                 void *gradient_rows, void *gradient_columns, void *probability_columns,
                                 ptrdiff_t panel_bytes);

/// Asks for the cache line at an address, which may be anywhere: for any processor.
static inline void tiles_prefetch(const void *address) { __builtin_prefetch(address, 0, 3); }

#endif
