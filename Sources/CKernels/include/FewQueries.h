// Attention of one query: dot products with its keys and the weighted sum of the values, for the heads that share a key
// head together, so that every number of the cache is read once.
//
// The functions stand here whole, for Swift's compiler to build them for the processor that it builds its own code for.
// Every dot product and every sum has an order of its own that neither the other heads nor the cuts between blocks of
// keys change.

#ifndef NLFT_FEW_QUERIES_H
#define NLFT_FEW_QUERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "VectorWidth.h"

/// Most heads that are taken together: four sums of each are in registers.
enum { few_heads = 4 };

#define FEW_LANES NLFT_VECTOR_FLOATS

typedef float few_lanes __attribute__((vector_size(4 * FEW_LANES)));
typedef float few_eight __attribute__((vector_size(32)));
typedef float few_four __attribute__((vector_size(16)));
typedef float few_lanes_anywhere __attribute__((vector_size(4 * FEW_LANES), aligned(4), may_alias));

#define FEW_INLINE static inline __attribute__((always_inline))
// Sums live in registers only where these loops are unrolled.
#define FEW_UNROLLED _Pragma("clang loop unroll(full)")

FEW_INLINE void few_load(few_lanes *target, const float *source, ptrdiff_t count) {
  if (count >= FEW_LANES) {
    *target = *(const few_lanes_anywhere *)source;
  } else {
    *target = (few_lanes){0};
    memcpy(target, source, (size_t)count * sizeof(float));
  }
}

FEW_INLINE void few_store(const few_lanes *source, float *target, ptrdiff_t count) {
  if (count >= FEW_LANES) {
    *(few_lanes_anywhere *)target = *source;
  } else {
    memcpy(target, source, (size_t)count * sizeof(float));
  }
}

// The sums of the lanes of four vectors.
FEW_INLINE void few_sums(const few_lanes *x, few_four *sums) {
#if FEW_LANES == 16
#define FEW_LOW(a, b) __builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
#define FEW_HIGH(a, b) __builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)
#define FEW_LOW_PAIRS(a, b) __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#define FEW_HIGH_PAIRS(a, b) \
  __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)
#else
#define FEW_LOW(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13)
#define FEW_HIGH(a, b) __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15)
#define FEW_LOW_PAIRS(a, b) __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13)
#define FEW_HIGH_PAIRS(a, b) __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15)
#endif
  few_lanes first = FEW_LOW(x[0], x[1]) + FEW_HIGH(x[0], x[1]);
  few_lanes second = FEW_LOW(x[2], x[3]) + FEW_HIGH(x[2], x[3]);
  few_lanes all = FEW_LOW_PAIRS(first, second) + FEW_HIGH_PAIRS(first, second);
#if FEW_LANES == 16
  few_eight half = __builtin_shufflevector(all, all, 0, 1, 2, 3, 4, 5, 6, 7) +
                   __builtin_shufflevector(all, all, 8, 9, 10, 11, 12, 13, 14, 15);
#else
  few_eight half = all;
#endif
  *sums = __builtin_shufflevector(half, half, 0, 1, 2, 3) + __builtin_shufflevector(half, half, 4, 5, 6, 7);
#undef FEW_LOW
#undef FEW_HIGH
#undef FEW_LOW_PAIRS
#undef FEW_HIGH_PAIRS
}

// q·k of up to four keys for `heads` heads.
FEW_INLINE void few_dot_products(
    int heads, const float *query, const float *keys, ptrdiff_t stride, ptrdiff_t count, ptrdiff_t depth, float *scores,
    ptrdiff_t score_stride) {
  few_lanes sums[few_heads][4];
  FEW_UNROLLED for (int h = 0; h < heads; h++) {
    FEW_UNROLLED for (int i = 0; i < 4; i++) sums[h][i] = (few_lanes){0};
  }
  // Keys that are not there are the last one again.
  const float *key[4];
  FEW_UNROLLED for (int i = 0; i < 4; i++) key[i] = keys + (i < count ? i : count - 1) * stride;
  for (ptrdiff_t entry = 0; entry < depth; entry += FEW_LANES) {
    few_lanes k[4], q;
    FEW_UNROLLED for (int i = 0; i < 4; i++) few_load(&k[i], key[i] + entry, depth - entry);
    FEW_UNROLLED for (int h = 0; h < heads; h++) {
      few_load(&q, query + h * depth + entry, depth - entry);
      FEW_UNROLLED for (int i = 0; i < 4; i++) sums[h][i] += q * k[i];
    }
  }
  FEW_UNROLLED for (int h = 0; h < heads; h++) {
    few_four dots;
    few_sums(sums[h], &dots);
    if (count >= 4) {
      memcpy(scores + h * score_stride, &dots, sizeof dots);
    } else {
      memcpy(scores + h * score_stride, &dots, (size_t)count * sizeof(float));
    }
  }
}

// Σ p·v of up to `vectors` vectors of columns for `heads` heads.
FEW_INLINE void few_weighted_sum(
    int heads, int vectors, const float *weights, ptrdiff_t weight_stride, const float *values, ptrdiff_t stride,
    ptrdiff_t count, ptrdiff_t columns, bool accumulate, float *output, ptrdiff_t output_stride) {
  few_lanes sums[few_heads][4];
  FEW_UNROLLED for (int h = 0; h < heads; h++) {
    FEW_UNROLLED for (int i = 0; i < vectors; i++) {
      sums[h][i] = (few_lanes){0};
      if (accumulate) few_load(&sums[h][i], output + h * output_stride + FEW_LANES * i, columns - FEW_LANES * i);
    }
  }
  for (ptrdiff_t key = 0; key < count; key++, values += stride) {
    few_lanes v[4];
    FEW_UNROLLED for (int i = 0; i < vectors; i++) few_load(&v[i], values + FEW_LANES * i, columns - FEW_LANES * i);
    FEW_UNROLLED for (int h = 0; h < heads; h++) {
      const float weight = weights[h * weight_stride + key];
      FEW_UNROLLED for (int i = 0; i < vectors; i++) sums[h][i] += weight * v[i];
    }
  }
  FEW_UNROLLED for (int h = 0; h < heads; h++) {
    FEW_UNROLLED for (int i = 0; i < vectors; i++) {
      few_store(&sums[h][i], output + h * output_stride + FEW_LANES * i, columns - FEW_LANES * i);
    }
  }
}

/// scores[h·score_stride + j] ← q_h · k_j.
/// - Parameters:
///   - heads: up to `few_heads`.
///   - query: [heads, depth].
///   - keys: [count, depth], a row every `stride`.
static inline void few_scores(int heads, const float *query, const float *keys, ptrdiff_t stride, ptrdiff_t count,
                              ptrdiff_t depth, float *scores, ptrdiff_t score_stride) {
#define FEW_KEYS(heads, depth) \
  for (ptrdiff_t j = 0; j < count; j += 4) { \
    few_dot_products(heads, query, keys + j * stride, stride, count - j, depth, scores + j, score_stride); \
  } \
  break
  // Heads of 64 entries are what small models have.
  switch (depth == 64 ? 8 + heads : heads) {
    case 1: FEW_KEYS(1, depth);
    case 2: FEW_KEYS(2, depth);
    case 3: FEW_KEYS(3, depth);
    case 4: FEW_KEYS(4, depth);
    case 9: FEW_KEYS(1, 64);
    case 10: FEW_KEYS(2, 64);
    case 11: FEW_KEYS(3, 64);
    case 12: FEW_KEYS(4, 64);
  }
#undef FEW_KEYS
}

/// output[h·output_stride + c] ← (accumulate ? output : 0) + Σ_j weights[h·weight_stride + j] · values[j·stride + c].
/// - Parameters:
///   - heads: up to `few_heads`.
///   - values: [count, columns], a row every `stride`.
static inline void few_values(int heads, const float *weights, ptrdiff_t weight_stride, const float *values,
                              ptrdiff_t stride, ptrdiff_t count, ptrdiff_t columns, bool accumulate, float *output,
                              ptrdiff_t output_stride) {
  for (; columns > 0; columns -= 4 * FEW_LANES, values += 4 * FEW_LANES, output += 4 * FEW_LANES) {
#define FEW_COLUMNS(heads, vectors, columns) \
  few_weighted_sum(heads, vectors, weights, weight_stride, values, stride, count, columns, accumulate, output, \
                   output_stride); \
  break
#define FEW_VECTORS(heads) \
  switch (columns >= 4 * FEW_LANES ? 0 : (columns + FEW_LANES - 1) / FEW_LANES) { \
    case 0: FEW_COLUMNS(heads, 4, 4 * FEW_LANES); \
    case 1: FEW_COLUMNS(heads, 1, columns); \
    case 2: FEW_COLUMNS(heads, 2, columns); \
    case 3: FEW_COLUMNS(heads, 3, columns); \
    case 4: FEW_COLUMNS(heads, 4, columns); \
  } \
  break
    switch (heads) {
      case 1: FEW_VECTORS(1);
      case 2: FEW_VECTORS(2);
      case 3: FEW_VECTORS(3);
      case 4: FEW_VECTORS(4);
    }
#undef FEW_VECTORS
#undef FEW_COLUMNS
  }
}

#undef FEW_LANES
#undef FEW_INLINE
#undef FEW_UNROLLED

#endif
