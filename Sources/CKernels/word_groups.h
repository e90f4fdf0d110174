// Products of a group of rows with two vectors of results, whatever the vectors' width. A file that includes this has
// defined
// - TARGET, the instructions it may use,
// - lanes, the numbers of a vector,
// - weights_ahead, how far behind the weights that are multiplied those lie that are asked for; 0 to ask for none,
// - vector and whole_vector, so many numbers of float32 and of 32 bits,
// - add_products(sums, a, b): sums + pairs of words of a · pairs of words of b.

// How many rows is known wherever these are called.
#define GROUP TARGET __attribute__((always_inline)) static inline

typedef struct {
  whole_vector at[group_rows][2];
} whole_sums;

typedef struct {
  vector at[group_rows][2];
} sums;

// Numbers that may begin anywhere.
TARGET static inline vector load(const float *numbers) {
  vector x;
  __builtin_memcpy(&x, numbers, sizeof x);
  return x;
}

// sums + a · b, rounded once.
TARGET static inline vector add_product(vector sums, vector a, vector b) {
  return __builtin_elementwise_fma(a, b, sums);
}

TARGET static inline vector as_numbers(whole_vector x) { return __builtin_convertvector(x, vector); }

// Sums over some pairs of a run, a multiple of four: rows of words with pairs of two vectors.
GROUP whole_sums multiply_pairs(int height, const char *rows, const char *weights, int from, int to) {
  whole_sums whole;
  UNROLLED for (int r = 0; r < height; r++) whole.at[r][0] = whole.at[r][1] = (whole_vector)0;
  _Pragma("clang loop unroll_count(4)") for (int pair = from; pair < to; pair++) {
    const whole_vector *own = (const whole_vector *)(weights + pair * pair_bytes);
    const whole_vector first = own[0], second = own[1];
    if (weights_ahead > 0) __builtin_prefetch(weights + pair * pair_bytes + weights_ahead, 0, 3);
    UNROLLED for (int r = 0; r < height; r++) {
      const whole_vector x = *(const int *)(rows + r * row_bytes + pair * 4);
      whole.at[r][0] = add_products(whole.at[r][0], first, x);
      whole.at[r][1] = add_products(whole.at[r][1], second, x);
    }
  }
  return whole;
}

// The same over the whole run.
GROUP whole_sums multiply_run(int height, const char *rows, const char *weights) {
  return multiply_pairs(height, rows, weights, 0, pairs);
}

// Adds a run's sums, times one number of each row and one of each result.
GROUP void add_run(int height, sums *sums, const whole_sums *whole, const float *scales, const float *factors) {
  const vector own_factors[2] = {load(factors), load(factors + lanes)};
  UNROLLED for (int r = 0; r < height; r++) {
    const vector own = scales[r];
    UNROLLED for (int i = 0; i < 2; i++) {
      sums->at[r][i] = add_product(sums->at[r][i], as_numbers(whole->at[r][i]) * own_factors[i], own);
    }
  }
}

// Adds a run's sums, times one number of each row and one that is the same for all.
GROUP void add_run_evenly(int height, sums *sums, const whole_sums *whole, const float *scales, float factor) {
  UNROLLED for (int r = 0; r < height; r++) {
    const vector own = (vector)scales[r] * (vector)factor;
    UNROLLED for (int i = 0; i < 2; i++) {
      sums->at[r][i] = add_product(sums->at[r][i], as_numbers(whole->at[r][i]), own);
    }
  }
}

// Adds the sums of a run whose halves have scales of their own.
// - factors: the first half's scales; the second's stand where others have minima.
GROUP void add_halves(int height, sums *sums, const char *rows, const char *weights, const float *scales,
                      const float *factors) {
  UNROLLED for (int half = 0; half < 2; half++) {
    const whole_sums whole = multiply_pairs(height, rows, weights, half * pairs / 2, (half + 1) * pairs / 2);
    add_run(height, sums, &whole, scales, factors + half * (minima_at - factors_at) / 4);
  }
}

// Adds what a run gives, and asks for lines in between.
GROUP void add_products_of_run(int height, bool by_halves, sums *sums, const char *rows, const char *weights,
                               const float *scales, const float *factors, asked_lines *ahead) {
  if (by_halves) {
    ask(ahead);
    add_halves(height, sums, rows, weights, scales, factors);
    return;
  }
  const whole_sums whole = multiply_run(height, rows, weights);
  ask(ahead);
  add_run(height, sums, &whole, scales, factors);
}

// Adds one number of each row times one of each result.
GROUP void add_number(int height, sums *sums, const float *numbers, ptrdiff_t step, const float *factor) {
  const vector first = load(factor), second = load(factor + lanes);
  UNROLLED for (int r = 0; r < height; r++) {
    const vector x = numbers[r * step];
    sums->at[r][0] = add_product(sums->at[r][0], first, x);
    sums->at[r][1] = add_product(sums->at[r][1], second, x);
  }
}

// Adds an update, whose rows end with the result's.
GROUP void add_update(int height, sums *sums, words_update update, ptrdiff_t rows) {
  if (rows >= height) {
    for (ptrdiff_t k = 0; k < update.depth; k++) {
      add_number(height, sums, update.narrow + k, update.narrow_stride, update.factor + words_run * k);
    }
    return;
  }
  for (ptrdiff_t k = 0; k < update.depth; k++) {
    float numbers[group_rows] = {0};
    for (ptrdiff_t r = 0; r < rows; r++) numbers[r] = update.narrow[r * update.narrow_stride + k];
    add_number(height, sums, numbers, 1, update.factor + words_run * k);
  }
}
