#include "Tiles.h"

#if defined(__x86_64__) && defined(__linux__)

#include "tile_layout.h"
#include "transposition.h"

#include <cpuid.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef NLFT_EMULATED_TILES
#include "tile_emulation.h"
static bool have_tiles(void) { return true; }
#else
static bool have_tiles(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d & bit_AMXTILE) || !(d & bit_AMXBF16)) return false;
  // ARCH_REQ_XCOMP_PERM for the tile data, feature 18; systems without it answer with an error.
  return syscall(SYS_arch_prctl, 0x1023, 18) == 0;
}
#endif

bool tiles_request(void) {
  return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl") && have_tiles();
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

TILES static inline void store_tile(__m512i words[16], bool transposed, char *tile) {
  if (transposed) transpose(words);
  for (int i = 0; i < 16; i++) _mm512_store_si512(tile + i * row_bytes, words[i]);
}

TILES void tiles_pack_rows(const float *source, ptrdiff_t stride, ptrdiff_t lines, ptrdiff_t depth, float scale,
                           bool pairs, void *panel) {
  const __m512i evens = even_words(), odds = odd_words();
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

// A line of the first operand's tiles (P, high numbers first) and of the second's (Q, low numbers first) in tiles 0–3.
#define PRODUCT(i, j) _tile_dpbf16ps(2 * (i) + (j), 4 + (i), 6 + (j))
#define EXCHANGED_PRODUCT(i, j) _tile_dpbf16ps(2 * (j) + (i), 4 + (j), 6 + (i))

// Where another hardware thread is busy on the core, half of the loads that a core can wait for are left: then it pays to
// have asked for the next block.
TILES static inline void prefetch_tile(const char *tile) {
  for (int i = 0; i < 16; i++) _mm_prefetch(tile + i * row_bytes, _MM_HINT_T0);
}

// Adds to tiles 0–3, [0 1; 2 3]. Each of the eight tiles of a block is loaded once, as soon as its register is free.
// `p`: the operand whose high numbers come first, in tiles P and P + 1; `q`: the other one. Products are added in the
// same order whichever operand is left.
#define SUM_BLOCKS(P, Q, MULTIPLY)                                     \
  do {                                                                 \
    _tile_loadd(P, p, row_bytes);                                      \
    _tile_loadd(Q, q + low_bytes, row_bytes);                          \
    _tile_loadd(P + 1, p + tile_bytes, row_bytes);                     \
    _tile_loadd(Q + 1, q + low_bytes + tile_bytes, row_bytes);         \
    for (;;) {                                                         \
      const char *next_p = p + block_bytes, *next_q = q + block_bytes; \
      prefetch_tile(next_p);                                           \
      MULTIPLY(0, 0);                                                  \
      MULTIPLY(1, 0);                                                  \
      _tile_loadd(Q, q, row_bytes);                                    \
      prefetch_tile(next_q + low_bytes);                               \
      MULTIPLY(0, 1);                                                  \
      MULTIPLY(1, 1);                                                  \
      _tile_loadd(Q + 1, q + tile_bytes, row_bytes);                   \
      prefetch_tile(next_p + tile_bytes);                              \
      MULTIPLY(0, 0);                                                  \
      MULTIPLY(0, 1);                                                  \
      _tile_loadd(P, p + low_bytes, row_bytes);                        \
      prefetch_tile(next_q + low_bytes + tile_bytes);                  \
      MULTIPLY(1, 0);                                                  \
      MULTIPLY(1, 1);                                                  \
      _tile_loadd(P + 1, p + low_bytes + tile_bytes, row_bytes);       \
      prefetch_tile(next_q);                                           \
      prefetch_tile(next_q + tile_bytes);                              \
      MULTIPLY(0, 0);                                                  \
      MULTIPLY(0, 1);                                                  \
      if (--blocks == 0) break;                                        \
      _tile_loadd(P, next_p, row_bytes);                               \
      prefetch_tile(next_p + low_bytes);                               \
      prefetch_tile(next_p + low_bytes + tile_bytes);                  \
      MULTIPLY(1, 0);                                                  \
      _tile_loadd(Q, next_q + low_bytes, row_bytes);                   \
      MULTIPLY(1, 1);                                                  \
      _tile_loadd(P + 1, next_p + tile_bytes, row_bytes);              \
      _tile_loadd(Q + 1, next_q + low_bytes + tile_bytes, row_bytes);  \
      p = next_p;                                                      \
      q = next_q;                                                      \
    }                                                                  \
    MULTIPLY(1, 0);                                                    \
    MULTIPLY(1, 1);                                                    \
  } while (0)

TILES static inline void sum_blocks(const char *p, const char *q, ptrdiff_t blocks) {
  if (blocks > 0) SUM_BLOCKS(4, 6, PRODUCT);
}

// With left and right exchanged: the same sums to the last bit.
TILES static inline void sum_blocks_exchanged(const char *q, const char *p, ptrdiff_t blocks) {
  if (blocks > 0) SUM_BLOCKS(6, 4, EXCHANGED_PRODUCT);
}

// From this depth on the lines of a result are there when they are to be stored, if they are asked for first.
enum { worth_fetching = 8 };

TILES static inline void prefetch_result(const float *c, ptrdiff_t stride) {
  for (int i = 0; i < 32; i++, c += stride) {
    __builtin_prefetch(c, 1, 3);
    __builtin_prefetch(c + 16, 1, 3);
  }
}

TILES void tiles_multiply(const void *left, const void *right, ptrdiff_t blocks, bool accumulate, float *c,
                          ptrdiff_t stride) {
  tiles_multiply_and(left, right, blocks, NULL, NULL, accumulate, c, stride);
}

TILES void tiles_multiply_and(const void *left, const void *right, ptrdiff_t blocks, const void *more_left,
                              const void *more_right, bool accumulate, float *c, ptrdiff_t stride) {
  const ptrdiff_t bytes = stride * (ptrdiff_t)sizeof(float);
  float *lower = c + 16 * stride;
  if (accumulate) {
    _tile_loadd(0, c, bytes);
    _tile_loadd(1, c + 16, bytes);
    _tile_loadd(2, lower, bytes);
    _tile_loadd(3, lower + 16, bytes);
  } else {
    if (blocks >= worth_fetching) prefetch_result(c, stride);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  sum_blocks(left, right, blocks);
  if (more_left) sum_blocks(more_left, more_right, 1);
  _tile_stored(0, c, bytes);
  _tile_stored(1, c + 16, bytes);
  _tile_stored(2, lower, bytes);
  _tile_stored(3, lower + 16, bytes);
}

TILES void tiles_multiply_transposed_and(const void *left, const void *right, ptrdiff_t blocks, const void *more_left,
                                         const void *more_right, bool accumulate, float *c, ptrdiff_t stride) {
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
  sum_blocks_exchanged(left, right, blocks);
  if (more_left) sum_blocks_exchanged(more_left, more_right, 1);
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
void tiles_multiply_and(const void *left, const void *right, ptrdiff_t blocks, const void *more_left,
                        const void *more_right, bool accumulate, float *c, ptrdiff_t stride) {}
void tiles_multiply_transposed_and(const void *left, const void *right, ptrdiff_t blocks, const void *more_left,
                                   const void *more_right, bool accumulate, float *c, ptrdiff_t stride) {}

#endif
