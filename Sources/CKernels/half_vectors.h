// Vectors of 256 bits: what the files whose functions use AVX2 share.

#ifndef NLFT_HALF_VECTORS_H
#define NLFT_HALF_VECTORS_H

#include <immintrin.h>
#include <stddef.h>

// The library is built for any processor; only these functions use what must be asked for first. Asking for memory to be
// written (prfchw) need not be: processors without it do nothing then.
#define HALF __attribute__((target("avx2,fma,f16c,prfchw")))

HALF static inline __m256 magnitude(__m256 x) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x); }

HALF static inline float sum_of(__m256 x) {
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

HALF static inline int whole_sum_of(__m256i x) {
  __m128i four = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
  __m128i two = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4E));
  return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 0xB1)));
}

// The mean magnitude of a row, whose length is a multiple of 16.
HALF static inline float mean_magnitude(const float *x, ptrdiff_t count) {
  __m256 total[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
  for (ptrdiff_t i = 0; i < count; i += 16) {
    total[0] = _mm256_add_ps(total[0], magnitude(_mm256_loadu_ps(x + i)));
    total[1] = _mm256_add_ps(total[1], magnitude(_mm256_loadu_ps(x + i + 8)));
  }
  return sum_of(_mm256_add_ps(total[0], total[1])) / (float)count;
}

// The first of eight lanes: all if there are more, none if there are fewer than one.
HALF static inline __m256i first_lanes(ptrdiff_t count) {
  const int most = count > 8 ? 8 : count < 0 ? 0 : (int)count;
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(most), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

#endif
