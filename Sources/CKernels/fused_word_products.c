// Products of words for processors that have VNNI for vectors of 256 bits alone (AVX-VNNI): a product and its sum are one
// instruction. Rows and weights are packed as for AVX2, and results have the same bytes.

#include "WordProducts.h"

#if defined(__x86_64__)

#include "half_words.h"

#define FUSED __attribute__((target("avx2,fma,f16c,prfchw,avxvnni")))

// Written out: the compiler would take some of them apart into a product and a sum.
FUSED static inline __m256i sums_with_products(__m256i sums, __m256i a, __m256i b) {
  __asm__("%{vex%} vpdpwssd %2, %1, %0" : "+x"(sums) : "x"(a), "x"(b));
  return sums;
}

#define TARGET FUSED
#define NAMED(name) words_fused_##name
#include "half_products.h"

#endif
