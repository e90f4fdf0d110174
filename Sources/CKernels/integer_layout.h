// What the files of products in integers share (IntegerProducts.h).

#ifndef NLFT_INTEGER_LAYOUT_H
#define NLFT_INTEGER_LAYOUT_H

#include "IntegerProducts.h"
#include "stored_blocks.h"

// Sums live in registers only where these loops are unrolled.
#define UNROLLED _Pragma("clang loop unroll(full)")

// Four runs of a row: where each one's block begins behind the row's, and which of their blocks' runs the first is.
typedef struct {
  ptrdiff_t at[4], first;
} four_runs;

// Whole numbers up to 8355711 have a high byte from −127 to 127; rounding may go a little beyond this one.
static const float largest = 8355700;

// One input goes through the weights as fast as they come from memory. Rows mostly follow each other: while a part of four
// is read, as much is asked for.
static inline void ask_ahead(const uint8_t *source, ptrdiff_t bytes) {
  enum { bytes_ahead = 8192 };
  for (ptrdiff_t line = 0; line < bytes; line += 64) __builtin_prefetch(source + bytes_ahead + line, 0, 3);
}

#endif
