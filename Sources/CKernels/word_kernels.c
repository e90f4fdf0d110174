// Which kernels for words the processor can run.

#include "WordProducts.h"

#if defined(__x86_64__)

#include "processor.h"

#define PACKING(width)                                                                                                \
  void words_##width##_pack_rows(const float *source, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t depth, void *panel); \
  void words_##width##_pack_weights(stored_format format, const uint8_t *const rows[words_run], ptrdiff_t ahead,       \
                                    ptrdiff_t count, void *records);                                                  \
  void words_##width##_pack_transposed(stored_format format, const uint8_t *const rows[words_run], ptrdiff_t ahead,    \
                                       ptrdiff_t first, ptrdiff_t count, void *records, ptrdiff_t stride);            \
  void words_##width##_minima(stored_format format, const uint8_t *const rows[words_run], ptrdiff_t count,             \
                              float *minima, ptrdiff_t stride);
PACKING(wide)
PACKING(half)
#undef PACKING

// The kernels for words: `kind` multiplies what is packed for vectors of a width.
#define KERNELS(kind, width)                                                                                          \
  void words_##kind##_multiply(const void *inputs, const void *weights, ptrdiff_t runs, words_beside beside,          \
                               const words_update *update, const words_ahead *ahead, const words_result *result);     \
  void words_##kind##_multiply_transposed(const void *inputs, const void *weights, const words_runs *runs,            \
                                          const float *offsets, ptrdiff_t offset_stride, bool accumulate,             \
                                          const words_ahead *ahead, const words_result *result);                      \
  static const words_kernels kind = {words_##width##_pack_rows,       words_##width##_pack_weights,                   \
                                     words_##width##_pack_transposed, words_##width##_minima,                         \
                                     words_##kind##_multiply,         words_##kind##_multiply_transposed};
KERNELS(wide, wide)
KERNELS(half, half)
KERNELS(fused, half)
#undef KERNELS

const words_kernels *words_wide(void) { return has_wide_products() ? &wide : NULL; }
const words_kernels *words_half(void) { return has_half_products() ? &fused : has_half_vectors() ? &half : NULL; }

#else

const words_kernels *words_wide(void) { return NULL; }
const words_kernels *words_half(void) { return NULL; }

#endif
