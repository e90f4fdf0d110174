// Which kernels for lanes the processor can run, and what needs none of their instructions.

#include "LaneProducts.h"

void lanes_pack(const float *source, ptrdiff_t stride, ptrdiff_t lines, ptrdiff_t depth, float *panel) {
  for (ptrdiff_t k = 0; k < depth; k++, panel += lanes_columns) {
    for (ptrdiff_t line = 0; line < lanes_columns; line++) panel[line] = line < lines ? source[line * stride + k] : 0;
  }
}

#if defined(__x86_64__)

#include "processor.h"

#define DECLARE(width)                                                                                                 \
  void lanes_##width##_multiply(lanes_left left, lanes_right right, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t depth, \
                                bool accumulate, float *c, ptrdiff_t stride);                                          \
  void lanes_##width##_maxima(const float *scores, ptrdiff_t stride, ptrdiff_t lines, ptrdiff_t keys,                  \
                              const tiles_seen *seen, float *maxima);                                                  \
  void lanes_##width##_exponentials(float *scores, ptrdiff_t stride, ptrdiff_t lines, ptrdiff_t keys,                  \
                                    const tiles_seen *seen, const float *largest, float *sums);                        \
  void lanes_##width##_softmax_gradient(float *scores, float *gradient, ptrdiff_t stride, ptrdiff_t lines,             \
                                        ptrdiff_t keys, const tiles_seen *seen, const float *normalizers,              \
                                        const float *pulls);                                                           \
  static const lanes_kernels width = {lanes_##width##_multiply, lanes_##width##_maxima, lanes_##width##_exponentials,  \
                                      lanes_##width##_softmax_gradient};
DECLARE(wide)
DECLARE(half)
#undef DECLARE

const lanes_kernels *lanes_wide(void) { return has_wide_vectors() ? &wide : NULL; }
const lanes_kernels *lanes_half(void) { return has_half_vectors() ? &half : NULL; }

#else

const lanes_kernels *lanes_wide(void) { return NULL; }
const lanes_kernels *lanes_half(void) { return NULL; }
void lanes_wide_maxima(const float *scores, ptrdiff_t stride, ptrdiff_t lines, ptrdiff_t keys, const tiles_seen *seen,
                       float *maxima) {}

#endif
