// Which kernels for products in integers the processor can run.

#include "IntegerProducts.h"

#if defined(__x86_64__)

#include "processor.h"

#define DECLARE(width)                                                                                     \
  void integers_##width##_prepare(const float *x, ptrdiff_t runs, bool keep_every_digit, void *inputs);  \
  void integers_##width##_multiply(stored_format format, const uint8_t *const rows[4], ptrdiff_t runs, \
                                   const void *inputs, float y[4]);                                        \
  static const integers_kernels width = {integers_##width##_prepare, integers_##width##_multiply};
DECLARE(wide)
DECLARE(half)
#undef DECLARE

const integers_kernels *integers_wide(void) { return has_wide_products() ? &wide : NULL; }
const integers_kernels *integers_half(void) { return has_half_vectors() ? &half : NULL; }

#else

const integers_kernels *integers_wide(void) { return NULL; }
const integers_kernels *integers_half(void) { return NULL; }

#endif
