// What scales the runs of several rows of a weight, whatever the vectors' width. A file that includes this has defined
// - FORMAT, for what is compiled for each format by itself,
// - vector and whole_vector, numbers of float32 and of 32 bits without sign: one for each of the rows,
// - words_of(rows, at), the four bytes at a place of each row,
// - lower_halves(words), the numbers in half precision that the lower halves of words are.

FORMAT whole_vector bits_from(whole_vector words, ptrdiff_t first, uint32_t mask) {
  return (words >> (uint32_t)first) & mask;
}

// The six-bit scale, or minimum, of a run of each super-block: the first four are whole bytes, of the others the low nibble
// is here and the upper two bits lie on top of the first.
FORMAT vector six_bits(const uint8_t *const *rows, ptrdiff_t at, ptrdiff_t place, ptrdiff_t run) {
  const whole_vector first = words_of(rows, at + 4 + 4 * place);
  if (run < 4) return __builtin_convertvector(bits_from(first, 8 * run, 0x3F), vector);
  const whole_vector low = bits_from(words_of(rows, at + 12), 8 * (run - 4) + 4 * place, 0x0F);
  return __builtin_convertvector(low | bits_from(first, 8 * (run - 4) + 6, 0x03) << 4, vector);
}

// What a run of the rows' numbers is multiplied with, and what is added to it. Where the halves of a run have scales of
// their own there are no minima; the second half's stand in their place.
typedef struct {
  vector scales, minima;
} factors;

// Signed bytes, the lowest of words.
FORMAT vector signed_bytes(whole_vector words) {
  return __builtin_convertvector((words & 0xFF) ^ 0x80, vector) - 128;
}

FORMAT factors factors_of(stored_format format, const uint8_t *const *rows, ptrdiff_t at, ptrdiff_t run) {
  if (format == stored_q6_k) {
    const whole_vector bytes = words_of(rows, at + 192 + 2 * run);
    const vector scale = lower_halves(words_of(rows, at + 206) >> 16);
    return (factors){signed_bytes(bytes) * scale, signed_bytes(bytes >> 8) * scale};
  }
  const whole_vector heads = words_of(rows, at);
  factors own = {lower_halves(heads), (vector)0};
  switch (format) {
    case stored_q8_0:
    case stored_q4_0:
    case stored_q5_0:
    case stored_q6_k: return own;
    case stored_q4_1:
    case stored_q5_1: own.minima = lower_halves(heads >> 16); break;
    case stored_q4_k:
    case stored_q5_k:
      own.scales *= six_bits(rows, at, 0, run);
      own.minima = (vector)0 - six_bits(rows, at, 1, run) * lower_halves(heads >> 16);
      break;
  }
  // The product is exact: the middle value is a power of two.
  own.minima = __builtin_elementwise_fma(own.scales, (vector)(float)middle(format), own.minima);
  return own;
}
