#include "Tiles.h"

#if defined(__x86_64__) && defined(__linux__)

#include <immintrin.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

// The library is built for any processor; only these functions use what must be asked for first.
#define TILES __attribute__((target("amx-tile,amx-bf16,avx512f,avx512bw,avx512dq,avx512vl")))

enum { block_bytes = 4096, tile_bytes = 1024, row_bytes = 64, low_bytes = 2 * tile_bytes };

bool tiles_request(void) {
  // ARCH_REQ_XCOMP_PERM for the tile data, feature 18; systems without it answer with an error.
  return __builtin_cpu_supports("avx512bw") && syscall(SYS_arch_prctl, 0x1023, 18) == 0;
}

TILES void tiles_begin(void) {
  struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
  } shape;
  memset(&shape, 0, sizeof shape);
  shape.palette = 1;
  for (int tile = 0; tile < 8; tile++) {
    shape.row_bytes[tile] = row_bytes;
    shape.rows[tile] = 16;
  }
  _tile_loadconfig(&shape);
}

TILES void tiles_end(void) { _tile_release(); }

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

// Transposes 16 × 16 words of 32 bits.
TILES static inline void transpose(__m512i r[16]) {
  __m512i t[16];
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (int i = 0; i < 4; i++) {
    __m512i a = _mm512_shuffle_i32x4(r[i], r[4 + i], 0x88), b = _mm512_shuffle_i32x4(r[i], r[4 + i], 0xDD);
    __m512i c = _mm512_shuffle_i32x4(r[8 + i], r[12 + i], 0x88), d = _mm512_shuffle_i32x4(r[8 + i], r[12 + i], 0xDD);
    t[i] = _mm512_shuffle_i32x4(a, c, 0x88);
    t[8 + i] = _mm512_shuffle_i32x4(a, c, 0xDD);
    t[4 + i] = _mm512_shuffle_i32x4(b, d, 0x88);
    t[12 + i] = _mm512_shuffle_i32x4(b, d, 0xDD);
  }
  for (int i = 0; i < 16; i++) r[i] = t[i];
}

TILES static inline __mmask16 first_lanes(ptrdiff_t count) {
  return count >= 16 ? 0xFFFF : count > 0 ? (__mmask16)((1u << count) - 1) : 0;
}

TILES static inline void store_tile(__m512i words[16], bool transposed, char *tile) {
  if (transposed) transpose(words);
  for (int i = 0; i < 16; i++) _mm512_store_si512(tile + i * row_bytes, words[i]);
}

TILES void tiles_pack_rows(const float *source, ptrdiff_t stride, ptrdiff_t lines, ptrdiff_t depth, float scale,
                           bool pairs, void *panel) {
  const __m512i evens = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
  const __m512i odds = _mm512_set_epi32(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
  const __m512 factor = _mm512_set1_ps(scale);
  char *block = panel;
  for (ptrdiff_t start = 0; start < depth; start += 32, block += block_bytes) {
    __mmask16 first = first_lanes(depth - start), second = first_lanes(depth - start - 16);
    for (int half = 0; half < 2; half++) {
      __m512i high[16], low[16];
      for (int i = 0; i < 16; i++) {
        ptrdiff_t line = half * 16 + i;
        if (line < lines) {
          const float *x = source + line * stride + start;
          __m512 a = _mm512_mul_ps(_mm512_maskz_loadu_ps(first, x), factor);
          __m512 b = _mm512_mul_ps(_mm512_maskz_loadu_ps(second, x + 16), factor);
          split(_mm512_permutex2var_ps(a, evens, b), _mm512_permutex2var_ps(a, odds, b), &high[i], &low[i]);
        } else {
          high[i] = low[i] = _mm512_setzero_si512();
        }
      }
      store_tile(high, pairs, block + half * tile_bytes);
      store_tile(low, pairs, block + low_bytes + half * tile_bytes);
    }
  }
}

TILES void tiles_pack_columns(const float *source, ptrdiff_t stride, ptrdiff_t lines, ptrdiff_t depth, float scale,
                              bool pairs, void *panel) {
  const __m512 factor = _mm512_set1_ps(scale);
  char *block = panel;
  for (ptrdiff_t start = 0; start < depth; start += 32, block += block_bytes) {
    for (int half = 0; half < 2; half++) {
      __mmask16 mask = first_lanes(lines - half * 16);
      __m512i high[16], low[16];
      for (int i = 0; i < 16; i++) {
        ptrdiff_t k = start + 2 * i;
        const float *x = source + k * stride + half * 16;
        __m512 even = k < depth ? _mm512_maskz_loadu_ps(mask, x) : _mm512_setzero_ps();
        __m512 odd = k + 1 < depth ? _mm512_maskz_loadu_ps(mask, x + stride) : _mm512_setzero_ps();
        split(_mm512_mul_ps(even, factor), _mm512_mul_ps(odd, factor), &high[i], &low[i]);
      }
      store_tile(high, !pairs, block + half * tile_bytes);
      store_tile(low, !pairs, block + low_bytes + half * tile_bytes);
    }
  }
}

TILES static inline void add_product(void) {
  _tile_dpbf16ps(0, 4, 6);
  _tile_dpbf16ps(1, 4, 7);
  _tile_dpbf16ps(2, 5, 6);
  _tile_dpbf16ps(3, 5, 7);
}

TILES static inline void load_left(const char *tiles) {
  _tile_loadd(4, tiles, row_bytes);
  _tile_loadd(5, tiles + tile_bytes, row_bytes);
}

TILES static inline void load_right(const char *tiles) {
  _tile_loadd(6, tiles, row_bytes);
  _tile_loadd(7, tiles + tile_bytes, row_bytes);
}

// Adds to tiles 0–3, [0 1; 2 3]. Each of the eight tiles of a block is loaded once. With left and right exchanged, and
// `exchanged` set, the sums are the same to the last bit: products are added in the same order.
TILES static inline void sum_blocks(const char *left, const char *right, ptrdiff_t blocks, bool exchanged) {
  for (; blocks > 0; blocks--, left += block_bytes, right += block_bytes) {
    if (exchanged) {
      load_left(left + low_bytes);
      load_right(right);
      add_product();
      load_left(left);
      add_product();
      load_right(right + low_bytes);
      add_product();
    } else {
      load_left(left);
      load_right(right + low_bytes);
      add_product();
      load_right(right);
      add_product();
      load_left(left + low_bytes);
      add_product();
    }
  }
}

TILES void tiles_multiply(const void *left, const void *right, ptrdiff_t blocks, bool accumulate, float *c,
                          ptrdiff_t stride) {
  const ptrdiff_t bytes = stride * (ptrdiff_t)sizeof(float);
  float *lower = c + 16 * stride;
  if (accumulate) {
    _tile_loadd(0, c, bytes);
    _tile_loadd(1, c + 16, bytes);
    _tile_loadd(2, lower, bytes);
    _tile_loadd(3, lower + 16, bytes);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  sum_blocks(left, right, blocks, false);
  _tile_stored(0, c, bytes);
  _tile_stored(1, c + 16, bytes);
  _tile_stored(2, lower, bytes);
  _tile_stored(3, lower + 16, bytes);
}

TILES void tiles_multiply_transposed(const void *left, const void *right, ptrdiff_t blocks, bool accumulate, float *c,
                                     ptrdiff_t stride) {
  _Alignas(64) char sums[4][tile_bytes];
  __m512i words[16];
  if (accumulate) {
    for (int tile = 0; tile < 4; tile++) {
      const float *source = c + (tile & 1) * 16 * stride + (tile >> 1) * 16;
      for (int i = 0; i < 16; i++) words[i] = bits(_mm512_loadu_ps(source + i * stride));
      store_tile(words, true, sums[tile]);
    }
    _tile_loadd(0, sums[0], row_bytes);
    _tile_loadd(1, sums[1], row_bytes);
    _tile_loadd(2, sums[2], row_bytes);
    _tile_loadd(3, sums[3], row_bytes);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  sum_blocks(left, right, blocks, true);
  _tile_stored(0, sums[0], row_bytes);
  _tile_stored(1, sums[1], row_bytes);
  _tile_stored(2, sums[2], row_bytes);
  _tile_stored(3, sums[3], row_bytes);
  for (int tile = 0; tile < 4; tile++) {
    float *target = c + (tile & 1) * 16 * stride + (tile >> 1) * 16;
    for (int i = 0; i < 16; i++) words[i] = _mm512_load_si512(sums[tile] + i * row_bytes);
    transpose(words);
    for (int i = 0; i < 16; i++) _mm512_storeu_ps(target + i * stride, _mm512_castsi512_ps(words[i]));
  }
}

#else

// Other processors: there are no tiles, `tiles_request` says so, and nothing below is called.
bool tiles_request(void) { return false; }
void tiles_begin(void) {}
void tiles_end(void) {}
void tiles_pack_rows(const float *source, ptrdiff_t stride, ptrdiff_t lines, ptrdiff_t depth, float scale, bool pairs,
                     void *panel) {}
void tiles_pack_columns(const float *source, ptrdiff_t stride, ptrdiff_t lines, ptrdiff_t depth, float scale,
                        bool pairs, void *panel) {}
void tiles_multiply(const void *left, const void *right, ptrdiff_t blocks, bool accumulate, float *c,
                    ptrdiff_t stride) {}
void tiles_multiply_transposed(const void *left, const void *right, ptrdiff_t blocks, bool accumulate, float *c,
                               ptrdiff_t stride) {}

#endif
