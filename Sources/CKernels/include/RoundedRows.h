// Rows of numbers in 16-bit words: each run of 32 numbers is scale · q with whole q of 15 bits and sign, which is precise to
// 2⁻¹⁶ of the run's largest number, in little more than half of what float32 takes.

#ifndef NLFT_ROUNDED_ROWS_H
#define NLFT_ROUNDED_ROWS_H

#include <stddef.h>
#include <stdint.h>

/// Numbers of a run; a row's last may be shorter.
enum { rounded_run = 32 };

/// Writes a row as words, and a scale for each of its runs. A run with a number that is not finite becomes NaN.
void rounded_store(const float *row, ptrdiff_t count, int16_t *words, float *scales);

/// Reads a row back.
void rounded_load(const int16_t *words, const float *scales, ptrdiff_t count, float *row);

#endif
