// What a processor must have for the kernels of either width (word_kernels.c, lane_kernels.c, integer_kernels.c).

#ifndef NLFT_PROCESSOR_H
#define NLFT_PROCESSOR_H

#include <stdbool.h>

// Vectors of 256 bits, with half-precision numbers.
static inline bool has_half_vectors(void) {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}

// The same with products of bytes and words (AVX-VNNI).
static inline bool has_half_products(void) { return has_half_vectors() && __builtin_cpu_supports("avxvnni"); }

// Vectors of 512 bits.
static inline bool has_wide_vectors(void) {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

// The same with products of bytes and words (VNNI).
static inline bool has_wide_products(void) { return has_wide_vectors() && __builtin_cpu_supports("avx512vnni"); }

#endif
