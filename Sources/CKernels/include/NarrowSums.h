// Sums of vectors of sixteen floats times numbers: the inner loop of products with narrow matrices.
//
// The function stands here whole, for Swift's compiler to build it for the processor that it builds its own code for.

#ifndef NLFT_NARROW_SUMS_H
#define NLFT_NARROW_SUMS_H

#include <stddef.h>

#include "VectorWidth.h"

// Sums that the registers hold beside what is read.
enum { narrow_together = NLFT_VECTOR_FLOATS / 2 };

typedef float narrow_sixteen __attribute__((vector_size(64)));
typedef float narrow_anywhere __attribute__((vector_size(64), aligned(4), may_alias));

#define NARROW_INLINE static inline __attribute__((always_inline))
// Sums live in registers only where these loops are unrolled.
#define NARROW_UNROLLED _Pragma("clang loop unroll(full)")

NARROW_INLINE void narrow_group(int height, ptrdiff_t count, const float *vectors, ptrdiff_t vector_step,
                                const float *numbers, ptrdiff_t between, ptrdiff_t step, float *sums,
                                ptrdiff_t stride) {
  narrow_sixteen own[narrow_together];
  NARROW_UNROLLED for (int i = 0; i < height; i++) own[i] = *(const narrow_anywhere *)(sums + i * stride);
  for (ptrdiff_t t = 0; t < count; t++, vectors += vector_step, numbers += step) {
    const narrow_sixteen vector = *(const narrow_anywhere *)vectors;
    NARROW_UNROLLED for (int i = 0; i < height; i++) own[i] += vector * numbers[i * between];
  }
  NARROW_UNROLLED for (int i = 0; i < height; i++) *(narrow_anywhere *)(sums + i * stride) = own[i];
}

/// sums[i·stride + lane] ← itself + Σ_t numbers[i·between + t·step] · vectors[t·vector_step + lane], for `height` i; each
/// sum in the order of t.
static inline void narrow_add(ptrdiff_t height, ptrdiff_t count, const float *vectors, ptrdiff_t vector_step,
                              const float *numbers, ptrdiff_t between, ptrdiff_t step, float *sums,
                              ptrdiff_t stride) {
  for (; height >= narrow_together; height -= narrow_together) {
    narrow_group(narrow_together, count, vectors, vector_step, numbers, between, step, sums, stride);
    numbers += narrow_together * between;
    sums += narrow_together * stride;
  }
  for (; height > 0; height--, numbers += between, sums += stride) {
    narrow_group(1, count, vectors, vector_step, numbers, between, step, sums, stride);
  }
}

#undef NARROW_INLINE
#undef NARROW_UNROLLED

#endif
