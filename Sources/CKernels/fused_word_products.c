// Products of words for processors that have VNNI for vectors of 256 bits alone (AVX-VNNI): a product and its sum are one
// instruction. Rows and weights are packed as for AVX2, and results have the same bytes.

#include "WordProducts.h"

#if defined(__x86_64__)

#include "half_words.h"

#define FUSED __attribute__((target("avx2,fma,f16c,prfchw,avxvnni")))

// Eight results of the sixteen of a group.
enum { lanes = 8, weights_ahead = words_weight_bytes };

typedef float vector __attribute__((ext_vector_type(8)));
typedef int32_t whole_vector __attribute__((ext_vector_type(8)));

// Written out: the compiler would take some of them apart into a product and a sum.
FUSED static inline whole_vector add_products(whole_vector sums, whole_vector a, whole_vector b) {
  __asm__("%{vex%} vpdpwssd %2, %1, %0" : "+x"(sums) : "x"(a), "x"(b));
  return sums;
}

#define TARGET FUSED
#define NAMED(name) words_fused_##name
#include "word_groups.h"
#include "half_products.h"

#endif
