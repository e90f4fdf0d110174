// Softmax between products on tile registers: scores become probabilities and their gradients where they are packed for
// the next product, so that neither is ever stored as float32.

#include "Tiles.h"

#if defined(__x86_64__) && defined(__linux__)

#include "tile_layout.h"

static const float log2_e = 1.44269504f;

// 2ˣ within 3e-7 of itself; what is no number stays none. A polynomial fitted to the fraction of x, −½ to ½.
TILES static inline __m512 power_of_two(__m512 x) {
  __m512 n = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m512 f = _mm512_sub_ps(x, n);
  __m512 p = _mm512_fmadd_ps(f, _mm512_set1_ps(1.327647129e-3f), _mm512_set1_ps(9.675541893e-3f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(5.550713465e-2f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(2.402212024e-1f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(6.931469440e-1f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.0f));
  return _mm512_scalef_ps(p, n);
}

// e^(x − offset), given −offset · log₂ e.
TILES static inline __m512 exponential(__m512 x, __m512 shift) {
  return power_of_two(_mm512_fmadd_ps(x, _mm512_set1_ps(log2_e), shift));
}

TILES void tiles_pack_exponentials(const float *scores, ptrdiff_t stride, ptrdiff_t lines, ptrdiff_t keys,
                                   const tiles_seen *seen, const float *largest, float *sums, void *panel) {
  const __m512i evens = even_words(), odds = odd_words();
  char *block = panel;
  for (ptrdiff_t key = 0; key < keys; key += 32, block += block_bytes) {
    for (ptrdiff_t line = 0; line < 32; line++) {
      char *target = block + line / 16 * tile_bytes + line % 16 * row_bytes;
      __m512i high = _mm512_setzero_si512(), low = high;
      if (line < lines) {
        const float *x = scores + line * stride + key;
        const __m512 shift = _mm512_set1_ps(-largest[line] * log2_e);
        __m512 a = exponential(_mm512_loadu_ps(x), shift), b = exponential(_mm512_loadu_ps(x + 16), shift);
        if (seen[line].first > key || key + 32 > seen[line].end) {
          a = _mm512_maskz_mov_ps(seen_lanes(seen[line], key), a);
          b = _mm512_maskz_mov_ps(seen_lanes(seen[line], key + 16), b);
        }
        float *sum = sums + line * 16;
        _mm512_storeu_ps(sum, _mm512_add_ps(_mm512_add_ps(_mm512_loadu_ps(sum), a), b));
        split(_mm512_permutex2var_ps(a, evens, b), _mm512_permutex2var_ps(a, odds, b), &high, &low);
      }
      _mm512_store_si512(target, high);
      _mm512_store_si512(target + low_bytes, low);
    }
  }
}

// P and dS = P∘(dP − pull)·scale of sixteen keys.
TILES static inline __m512 softmax_gradient(const float *score, const float *gradient, const tiles_softmax_row *row,
                                            __m512 *probability) {
  *probability = exponential(_mm512_loadu_ps(score), _mm512_set1_ps(-row->normalizer * log2_e));
  __m512 pulled = _mm512_sub_ps(_mm512_loadu_ps(gradient), _mm512_set1_ps(row->pull));
  return _mm512_mul_ps(*probability, _mm512_mul_ps(pulled, _mm512_set1_ps(row->scale)));
}

TILES void tiles_pack_softmax_gradient(const float *scores, const float *gradient, ptrdiff_t stride, ptrdiff_t lines,
                                       ptrdiff_t keys, const tiles_seen *seen, const tiles_softmax_row *rows,
                                       void *gradient_rows, void *gradient_columns, void *probability_columns,
                                       ptrdiff_t panel_bytes) {
  const __m512i evens = even_words(), odds = odd_words();
  for (ptrdiff_t key = 0; key < keys; key += 32) {
    char *across = (char *)gradient_rows + key / 32 * block_bytes;
    char *down = (char *)gradient_columns + key / 32 * panel_bytes;
    char *probability_down = (char *)probability_columns + key / 32 * panel_bytes;
    for (ptrdiff_t pair = 0; pair < 16; pair++) {
      __m512 p[2][2], g[2][2];
      for (int i = 0; i < 2; i++) {
        ptrdiff_t line = 2 * pair + i;
        for (int half = 0; half < 2; half++) {
          if (line < lines) {
            ptrdiff_t start = key + 16 * half, place = line * stride + start;
            g[i][half] = softmax_gradient(scores + place, gradient + place, rows + line, &p[i][half]);
            if (seen[line].first > start || start + 16 > seen[line].end) {
              __mmask16 lanes = seen_lanes(seen[line], start);
              p[i][half] = _mm512_maskz_mov_ps(lanes, p[i][half]);
              g[i][half] = _mm512_maskz_mov_ps(lanes, g[i][half]);
            }
          } else {
            p[i][half] = g[i][half] = _mm512_setzero_ps();
          }
        }
        __m512i high, low;
        split(_mm512_permutex2var_ps(g[i][0], evens, g[i][1]), _mm512_permutex2var_ps(g[i][0], odds, g[i][1]), &high,
              &low);
        char *target = across + line / 16 * tile_bytes + line % 16 * row_bytes;
        _mm512_store_si512(target, high);
        _mm512_store_si512(target + low_bytes, low);
      }
      for (int half = 0; half < 2; half++) {
        ptrdiff_t place = half * tile_bytes + pair * row_bytes;
        __m512i high, low;
        split(g[0][half], g[1][half], &high, &low);
        _mm512_store_si512(down + place, high);
        _mm512_store_si512(down + place + low_bytes, low);
        split(p[0][half], p[1][half], &high, &low);
        _mm512_store_si512(probability_down + place, high);
        _mm512_store_si512(probability_down + place + low_bytes, low);
      }
    }
  }
}

#else

// Other processors: there are no tiles, and nothing below is called.
void tiles_pack_exponentials(const float *scores, ptrdiff_t stride, ptrdiff_t lines, ptrdiff_t keys,
                             const tiles_seen *seen, const float *largest, float *sums, void *panel) {}
void tiles_pack_softmax_gradient(const float *scores, const float *gradient, ptrdiff_t stride, ptrdiff_t lines,
                                 ptrdiff_t keys, const tiles_seen *seen, const tiles_softmax_row *rows,
                                 void *gradient_rows, void *gradient_columns, void *probability_columns,
                                 ptrdiff_t panel_bytes) {}

#endif
