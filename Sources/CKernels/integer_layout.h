// What the files of products in integers share (IntegerProducts.h).

#ifndef NLFT_INTEGER_LAYOUT_H
#define NLFT_INTEGER_LAYOUT_H

#include "IntegerProducts.h"

// Whole numbers up to 8355711 have a high byte from −127 to 127; rounding may go a little beyond this one.
static const float largest = 8355700;

// The format is known wherever these are called, so that nothing is asked for each block.
#define KNOWN __attribute__((always_inline)) static inline

KNOWN ptrdiff_t block_bytes(integers_format format) {
  switch (format) {
    case integers_q4_0: return 18;
    case integers_q4_1: return 20;
    case integers_q8_0: return 34;
  }
}

KNOWN int word_at(const uint8_t *source) {
  int word;
  __builtin_memcpy(&word, source, sizeof word);
  return word;
}

// One input goes through the weights as fast as they come from memory. Rows mostly follow each other: while a part of four
// is read, as much is asked for.
static inline void ask_ahead(const uint8_t *source, ptrdiff_t bytes) {
  enum { bytes_ahead = 8192 };
  for (ptrdiff_t line = 0; line < bytes; line += 64) __builtin_prefetch(source + bytes_ahead + line, 0, 3);
}

#endif
