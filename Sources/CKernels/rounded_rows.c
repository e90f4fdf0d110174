#include "RoundedRows.h"

#include <string.h>

typedef float numbers __attribute__((ext_vector_type(32)));
typedef int32_t integers __attribute__((ext_vector_type(32)));
typedef int16_t run_words __attribute__((ext_vector_type(32)));

// Largest whole number of a run.
static const float largest = 32767;

// A whole run; the scale that makes numbers of its words.
__attribute__((always_inline)) static inline float store_run(const float *row, int16_t *words) {
  numbers x;
  memcpy(&x, row, sizeof x);
  // Bits of numbers without their sign are in the numbers' order; what is not finite is above all that are.
  integers bits;
  memcpy(&bits, &x, sizeof bits);
  const int32_t most_bits = __builtin_reduce_max(bits & 0x7FFFFFFF);
  float most;
  memcpy(&most, &most_bits, sizeof most);
  const float nothing = most - most;
  const int counts = most > 1e-30f && nothing == 0;
  // Adding 1.5·2²³ leaves the nearest whole number in the low bits of the sum.
  const numbers sum = x * (counts ? largest / most : 0.0f) + 12582912.0f;
  memcpy(&bits, &sum, sizeof bits);
  const run_words whole = __builtin_convertvector(bits, run_words);
  memcpy(words, &whole, sizeof whole);
  return (counts ? most / largest : 0) + nothing;
}

__attribute__((always_inline)) static inline void store(const float *row, ptrdiff_t count, int16_t *words,
                                                         float *scales) {
  ptrdiff_t start = 0;
  for (; start + rounded_run <= count; start += rounded_run) *scales++ = store_run(row + start, words + start);
  if (start == count) return;
  float rest[rounded_run] = {0};
  int16_t whole[rounded_run];
  memcpy(rest, row + start, (count - start) * sizeof *rest);
  *scales = store_run(rest, whole);
  memcpy(words + start, whole, (count - start) * sizeof *words);
}

__attribute__((always_inline)) static inline void load(const int16_t *words, const float *scales, ptrdiff_t count,
                                                        float *row) {
  ptrdiff_t start = 0;
  for (; start + rounded_run <= count; start += rounded_run) {
    run_words whole;
    memcpy(&whole, words + start, sizeof whole);
    const numbers x = __builtin_convertvector(whole, numbers) * scales[start / rounded_run];
    memcpy(row + start, &x, sizeof x);
  }
  for (; start < count; start++) row[start] = (float)words[start] * scales[start / rounded_run];
}

#if defined(__x86_64__)

// The library is built for any processor: the same loops for the widest vectors, where there are any.
#define WIDE __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define HALF __attribute__((target("avx2")))

WIDE static void store_wide(const float *row, ptrdiff_t count, int16_t *words, float *scales) {
  store(row, count, words, scales);
}
HALF static void store_half(const float *row, ptrdiff_t count, int16_t *words, float *scales) {
  store(row, count, words, scales);
}
WIDE static void load_wide(const int16_t *words, const float *scales, ptrdiff_t count, float *row) {
  load(words, scales, count, row);
}
HALF static void load_half(const int16_t *words, const float *scales, ptrdiff_t count, float *row) {
  load(words, scales, count, row);
}

static int vector_width(void) {
  return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")
             ? 512
             : __builtin_cpu_supports("avx2") ? 256 : 128;
}

void rounded_store(const float *row, ptrdiff_t count, int16_t *words, float *scales) {
  switch (vector_width()) {
    case 512: return store_wide(row, count, words, scales);
    case 256: return store_half(row, count, words, scales);
    default: return store(row, count, words, scales);
  }
}

void rounded_load(const int16_t *words, const float *scales, ptrdiff_t count, float *row) {
  switch (vector_width()) {
    case 512: return load_wide(words, scales, count, row);
    case 256: return load_half(words, scales, count, row);
    default: return load(words, scales, count, row);
  }
}

#else

void rounded_store(const float *row, ptrdiff_t count, int16_t *words, float *scales) { store(row, count, words, scales); }
void rounded_load(const int16_t *words, const float *scales, ptrdiff_t count, float *row) {
  load(words, scales, count, row);
}

#endif
