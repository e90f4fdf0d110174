// Tile registers in memory, far slower: so that what is written for them can be tested on processors that have none (the
// package trait EmulatedTiles).

#ifndef NLFT_TILE_EMULATION_H
#define NLFT_TILE_EMULATION_H

#include <immintrin.h>
#include <stddef.h>
#include <string.h>

typedef struct {
  _Alignas(64) char rows[16][64];
} emulated_tile;

static _Thread_local emulated_tile emulated_tiles[8];

static inline void load_emulated(int tile, const void *base, ptrdiff_t stride) {
  for (int i = 0; i < 16; i++) memcpy(emulated_tiles[tile].rows[i], (const char *)base + i * stride, 64);
}

static inline void store_emulated(int tile, void *base, ptrdiff_t stride) {
  for (int i = 0; i < 16; i++) memcpy((char *)base + i * stride, emulated_tiles[tile].rows[i], 64);
}

// As the instruction has it: products of even depth are summed, and those of odd depth, then both are added.
__attribute__((target("avx512f"), noinline)) static void multiply_emulated(int sums, int left, int right) {
  const __m512i top = _mm512_set1_epi32((int)0xFFFF0000);
  for (int row = 0; row < 16; row++) {
    __m512 even = _mm512_setzero_ps(), odd = even;
    for (int pair = 0; pair < 16; pair++) {
      int own;
      memcpy(&own, emulated_tiles[left].rows[row] + 4 * pair, sizeof own);
      __m512i x = _mm512_set1_epi32(own), y = _mm512_load_si512(emulated_tiles[right].rows[pair]);
      even = _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_slli_epi32(x, 16)),
                             _mm512_castsi512_ps(_mm512_slli_epi32(y, 16)), even);
      odd = _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_and_si512(x, top)),
                            _mm512_castsi512_ps(_mm512_and_si512(y, top)), odd);
    }
    char *target = emulated_tiles[sums].rows[row];
    _mm512_store_ps(target, _mm512_add_ps(_mm512_load_ps(target), _mm512_add_ps(even, odd)));
  }
}

#undef _tile_loadconfig
#undef _tile_release
#undef _tile_zero
#undef _tile_loadd
#undef _tile_stored
#undef _tile_dpbf16ps
#define _tile_loadconfig(shape) ((void)(shape))
#define _tile_release() ((void)0)
#define _tile_zero(tile) memset(emulated_tiles + (tile), 0, sizeof(emulated_tile))
#define _tile_loadd(tile, base, stride) load_emulated(tile, base, stride)
#define _tile_stored(tile, base, stride) store_emulated(tile, base, stride)
#define _tile_dpbf16ps(sums, left, right) multiply_emulated(sums, left, right)

#endif
