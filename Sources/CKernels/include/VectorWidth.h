// How wide the vectors are of the processor that Swift's compiler builds its own code for.

#ifndef NLFT_VECTOR_WIDTH_H
#define NLFT_VECTOR_WIDTH_H

// Floats of a vector. Sixteen sums of so many fit into the registers; of sixteen floats only where vectors have them.
#if defined(__x86_64__) && !defined(__AVX512F__)
#define NLFT_VECTOR_FLOATS 8
#else
#define NLFT_VECTOR_FLOATS 16
#endif

#endif
