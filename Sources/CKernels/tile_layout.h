// What the packed panels are made of (Tiles.h): for the files that write them.

#ifndef NLFT_TILE_LAYOUT_H
#define NLFT_TILE_LAYOUT_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "lanes.h"

#define TILES __attribute__((target("amx-tile,amx-bf16,prfchw,avx512f,avx512bw,avx512dq,avx512vl")))

enum { block_bytes = 4096, tile_bytes = 1024, row_bytes = 64, low_bytes = 2 * tile_bytes };

TILES static inline __m512i bits(__m512 x) { return _mm512_castps_si512(x); }

// Half of the last place that bfloat16 keeps: what is cut off afterwards has been rounded.
TILES static inline __m512i rounded(__m512 x) { return _mm512_add_epi32(bits(x), _mm512_set1_epi32(0x8000)); }

// Numbers of even and odd depth become pairs of bfloat16, the even one in the lower half.
TILES static inline void split(__m512 even, __m512 odd, __m512i *high, __m512i *low) {
  const __m512i top = _mm512_set1_epi32((int)0xFFFF0000);
  __m512i high_even = _mm512_and_si512(rounded(even), top);
  __m512i high_odd = _mm512_and_si512(rounded(odd), top);
  __m512i low_even = rounded(_mm512_sub_ps(even, _mm512_castsi512_ps(high_even)));
  __m512i low_odd = rounded(_mm512_sub_ps(odd, _mm512_castsi512_ps(high_odd)));
  *high = _mm512_or_si512(_mm512_srli_epi32(high_even, 16), high_odd);
  *low = _mm512_or_si512(_mm512_srli_epi32(low_even, 16), _mm512_and_si512(low_odd, top));
}

// Places of the even numbers of two vectors, and of the odd ones.
TILES static inline __m512i even_words(void) {
  return _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
}

TILES static inline __m512i odd_words(void) {
  return _mm512_set_epi32(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
}

#endif
