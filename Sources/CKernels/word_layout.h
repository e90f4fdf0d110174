// What the panels of words are made of (WordProducts.h): for the files that write and read them.

#ifndef NLFT_WORD_LAYOUT_H
#define NLFT_WORD_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#include "WordProducts.h"

// Sums live in registers only where these loops are unrolled.
#define UNROLLED _Pragma("clang loop unroll(full)")

enum { pairs = 16, pair_bytes = 128, row_bytes = 64, scales_at = words_rows * row_bytes, sums_at = scales_at + 64 };
// Behind a record's pairs lie the results' scales and minima, or second scales; or the rows' parts of their largest scale,
// that, and the scales as they are.
enum {
  factors_at = pairs * pair_bytes,
  minima_at = factors_at + 128,
  parts_at = factors_at,
  largest_at = parts_at + 64,
  row_scales_at = factors_at + 128
};

// Largest whole number of an input.
static const float largest = 32767;

// Bits of numbers without their sign are in the numbers' order; what is not finite is above all that are.
typedef union {
  uint32_t bits;
  float value;
} number;

// An input that was taken out, and its place in the row.
typedef struct {
  int32_t place;
  float value;
} outlier;

// An input is taken out that is this many times as large as the mean of its row, and of its run: rounding would else be
// coarse for the row, and words finer without it.
static const float above_row = 8, above_run = 3;

// The inputs that were taken out of a row, and how many they are.
typedef struct {
  const outlier *first;
  ptrdiff_t count;
} outlier_list;

static inline outlier_list outliers_of(const char *inputs, ptrdiff_t row, ptrdiff_t runs) {
  const int32_t *counts = (const int32_t *)(inputs + runs * words_input_bytes);
  return (outlier_list){(const outlier *)(counts + 16) + row * runs * words_outliers, counts[row]};
}

// What is left of a result from a row on.
static inline words_result from_row(words_result result, ptrdiff_t row) {
  result.base += row * result.stride;
  result.rows -= row;
  return result;
}

// What is still to be asked for, so many lines at a time.
typedef struct {
  const char *at, *end;
  ptrdiff_t lines;
} asked_lines;

// All that is read next, in so many turns.
static inline asked_lines in_turns(words_ahead ahead, ptrdiff_t turns) {
  if (ahead.bytes == 0) return (asked_lines){0};
  const ptrdiff_t lines = (ahead.bytes + 63) / 64;
  return (asked_lines){ahead.base, (const char *)ahead.base + ahead.bytes, (lines + turns - 1) / turns};
}

static inline void ask(asked_lines *lines) {
  for (ptrdiff_t i = 0; i < lines->lines && lines->at < lines->end; i++, lines->at += 64) {
    __builtin_prefetch(lines->at, 0, 2);
  }
}

// Asks for a group's results, which would else be waited for when they are written; the last byte, as lines may begin
// anywhere.
static inline void ask_for_results(ptrdiff_t height, ptrdiff_t bytes, words_result result) {
  for (ptrdiff_t r = 0; r < height && r < result.rows; r++) {
    const char *y = (const char *)(result.base + r * result.stride);
    for (ptrdiff_t at = 0; at < bytes; at += 64) __builtin_prefetch(y + at, 1, 3);
    __builtin_prefetch(y + bytes - 1, 1, 3);
  }
}

// Six rows at a time: the sums of whole numbers, those in float32 and what is read fit into the registers. Of what is left
// four or two: two wait for the weights alone.
enum { group_rows = 6 };

static inline ptrdiff_t groups_of(words_result result) { return (result.rows + group_rows - 1) / group_rows; }

// Where the scales lie of a place of depth, behind the beginning of its record.
static inline ptrdiff_t scales_of(words_beside beside, ptrdiff_t place) {
  return beside == words_second_scales && place % words_run >= words_run / 2 ? minima_at : factors_at;
}

#endif
