// Vectors of 256 bits without instructions of VNNI: what the files of words for such processors share.

#ifndef NLFT_HALF_WORDS_H
#define NLFT_HALF_WORDS_H

#include "half_vectors.h"
#include "word_layout.h"

HALF static inline __m256i magnitude_bits(__m256 x) { return _mm256_castps_si256(magnitude(x)); }

// The bits of the largest magnitude of four vectors; without the sign they are in order as signed numbers too.
HALF static inline uint32_t largest_bits(const __m256 x[4]) {
  __m256i most = _mm256_max_epi32(_mm256_max_epi32(magnitude_bits(x[0]), magnitude_bits(x[1])),
                                  _mm256_max_epi32(magnitude_bits(x[2]), magnitude_bits(x[3])));
  __m128i four = _mm_max_epi32(_mm256_castsi256_si128(most), _mm256_extracti128_si256(most, 1));
  __m128i two = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0x4E));
  return (uint32_t)_mm_cvtsi128_si32(_mm_max_epi32(two, _mm_shuffle_epi32(two, 0xB1)));
}

// 32 numbers times a factor, as the nearest words.
HALF static inline void store_words(const __m256 x[4], __m256 factor, void *target) {
  for (int i = 0; i < 2; i++) {
    __m256i low = _mm256_cvtps_epi32(_mm256_mul_ps(x[2 * i], factor));
    __m256i high = _mm256_cvtps_epi32(_mm256_mul_ps(x[2 * i + 1], factor));
    // Packing goes by halves of vectors.
    __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xD8);
    _mm256_store_si256((__m256i *)target + i, words);
  }
}

#endif
