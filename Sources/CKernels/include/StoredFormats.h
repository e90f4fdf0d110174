// The formats of GGUF whose runs of 32 weights are scales times small integers, plus minima: those that are multiplied as
// they are stored.

#ifndef NLFT_STORED_FORMATS_H
#define NLFT_STORED_FORMATS_H

/// Q4_0 to Q8_0 have blocks of one run. The others have super-blocks of eight runs, Q6_K with a scale for each half of one.
typedef enum {
  stored_q4_0,
  stored_q4_1,
  stored_q5_0,
  stored_q5_1,
  stored_q8_0,
  stored_q4_k,
  stored_q5_k,
  stored_q6_k
} stored_format;

#endif
