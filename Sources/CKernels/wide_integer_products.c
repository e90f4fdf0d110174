#include "IntegerProducts.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include "integer_layout.h"

// The library is built for any processor; only these functions use what must be asked for first.
#define INTEGERS __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))

// A group is four blocks: six vectors of bytes (high, middle, low; of each first inputs 0–15 of the four blocks, then
// 16–31), then all groups' scales, then all groups' sums of inputs.
enum { planes_bytes = 6 * 64 };

INTEGERS static inline __m512i lowest_byte(__m512i q) {
  return _mm512_srai_epi32(_mm512_slli_epi32(q, 24), 24);
}

INTEGERS void integers_wide_prepare(const float *x, ptrdiff_t blocks, bool keep_every_digit, void *inputs) {
  // Bytes are three in any case.
  (void)keep_every_digit;
  ptrdiff_t groups = (blocks + 3) / 4;
  int8_t *planes = inputs;
  float *scales = (float *)(planes + groups * planes_bytes), *sums = scales + 4 * groups;
  for (ptrdiff_t block = 0; block < 4 * groups; block++) {
    int8_t *place = planes + block / 4 * planes_bytes + block % 4 * 16;
    if (block >= blocks) {
      // Blocks that fill the last group up count nothing.
      for (int plane = 0; plane < 6; plane++) _mm_store_si128((__m128i *)(place + plane * 64), _mm_setzero_si128());
      scales[block] = sums[block] = 0;
      continue;
    }
    __m512 half[2] = {_mm512_loadu_ps(x + block * 32), _mm512_loadu_ps(x + block * 32 + 16)};
    float most = _mm512_reduce_max_ps(_mm512_max_ps(_mm512_abs_ps(half[0]), _mm512_abs_ps(half[1])));
    // Zero, unless something is not finite.
    float nothing = _mm512_reduce_add_ps(_mm512_add_ps(_mm512_sub_ps(half[0], half[0]), _mm512_sub_ps(half[1], half[1])));
    float factor = most > 1e-30f ? largest / most : 0;
    float scale = (most > 1e-30f ? most / largest : 0) + nothing;
    int total = 0;
    for (int part = 0; part < 2; part++) {
      __m512i q = _mm512_cvtps_epi32(_mm512_mul_ps(half[part], _mm512_set1_ps(factor)));
      __m512i low = lowest_byte(q), rest = _mm512_srai_epi32(_mm512_sub_epi32(q, low), 8);
      __m512i middle = lowest_byte(rest), high = _mm512_srai_epi32(_mm512_sub_epi32(rest, middle), 8);
      _mm_store_si128((__m128i *)(place + part * 64), _mm512_cvtepi32_epi8(high));
      _mm_store_si128((__m128i *)(place + 128 + part * 64), _mm512_cvtepi32_epi8(middle));
      _mm_store_si128((__m128i *)(place + 256 + part * 64), _mm512_cvtepi32_epi8(low));
      total += _mm512_reduce_add_epi32(q);
    }
    scales[block] = scale;
    sums[block] = scale * (float)total;
  }
}

// The format is known wherever these are called, so that nothing is asked for each block.
#define FORMAT INTEGERS __attribute__((always_inline)) static inline

INTEGERS static inline __m512i bytes_at(const uint8_t *source) { return _mm512_loadu_si512(source); }

// Sixteen bytes of each of four blocks.
INTEGERS static inline __m512i sixteens(const uint8_t *row, const ptrdiff_t at[4]) {
  __m512i all = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)(row + at[0])));
  all = _mm512_inserti32x4(all, _mm_loadu_si128((const __m128i *)(row + at[1])), 1);
  all = _mm512_inserti32x4(all, _mm_loadu_si128((const __m128i *)(row + at[2])), 2);
  return _mm512_inserti32x4(all, _mm_loadu_si128((const __m128i *)(row + at[3])), 3);
}

typedef struct {
  // Lanes 4c to 4c + 3 of a row's sum belong to block c of the groups; of the minima, 4r + c to row r and block c.
  __m512 sums[4], minima;
} totals;

// What four blocks of four rows begin with, block c of row r in lane 4r + c: a scale in the lower half of a word, in the
// upper one a minimum where the format has them. From vectors that cover the blocks: gathering takes several times as long
// on some processors.
FORMAT __m512i heads_of(integers_format format, const uint8_t *const rows[4], ptrdiff_t start) {
  if (format == integers_q4_1) {
    const __m512i own = _mm512_setr_epi32(0, 5, 10, 15, 16, 21, 26, 31, 0, 5, 10, 15, 16, 21, 26, 31);
    __m512i first = _mm512_permutex2var_epi32(bytes_at(rows[0] + start), own, bytes_at(rows[1] + start));
    __m512i second = _mm512_permutex2var_epi32(bytes_at(rows[2] + start), own, bytes_at(rows[3] + start));
    return _mm512_mask_mov_epi32(first, 0xFF00, second);
  }
  __m512i all = _mm512_setzero_si512();
  for (int r = 0; r < 4; r++) {
    const uint8_t *row = rows[r] + start;
    __m512i halves;
    if (format == integers_q4_0) {
      const __m512i own = _mm512_broadcast_i32x4(_mm_setr_epi16(0, 0, 9, 0, 18, 0, 27, 0));
      halves = _mm512_permutexvar_epi16(own, bytes_at(row));
    } else {
      const __m512i own = _mm512_broadcast_i32x4(_mm_setr_epi16(0, 0, 17, 0, 32, 0, 49, 0));
      halves = _mm512_permutex2var_epi16(bytes_at(row), own, bytes_at(row + 68));
    }
    all = _mm512_mask_mov_epi32(all, (__mmask16)(0xF << 4 * r), halves);
  }
  return all;
}

// The same of blocks anywhere.
FORMAT __m512i heads_at(const uint8_t *const rows[4], const ptrdiff_t at[4]) {
  int words[16];
  for (int i = 0; i < 16; i++) words[i] = word_at(rows[i / 4] + at[i % 4]);
  return _mm512_loadu_si512(words);
}

// Adds a group's products for four rows. at: the offsets of the group's blocks in a row.
FORMAT void add_group(integers_format format, const uint8_t *const rows[4], const ptrdiff_t at[4], __m512i heads,
                      const int8_t *planes, const float *scales, const float *sums, totals *totals) {
  const __m512i byte = _mm512_set1_epi8(0x0F);
  const __m512i spread = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
  __m512 weights = _mm512_cvtph_ps(_mm512_cvtepi32_epi16(heads));
  __m512 minima = format == integers_q4_1 ? _mm512_cvtph_ps(_mm512_cvtepi32_epi16(_mm512_srli_epi32(heads, 16)))
                                          : _mm512_mul_ps(weights, _mm512_set1_ps(format == integers_q4_0 ? -8 : -128));
  totals->minima = _mm512_fmadd_ps(minima, _mm512_broadcast_f32x4(_mm_loadu_ps(sums)), totals->minima);
  weights = _mm512_mul_ps(weights, _mm512_broadcast_f32x4(_mm_loadu_ps(scales)));
  for (int r = 0; r < 4; r++) {
    __m512i first, second;
    if (format == integers_q8_0) {
      const ptrdiff_t behind[4] = {at[0] + 16, at[1] + 16, at[2] + 16, at[3] + 16};
      // Turning the sign bit over adds 128.
      first = _mm512_xor_si512(sixteens(rows[r] + 2, at), _mm512_set1_epi8((char)0x80));
      second = _mm512_xor_si512(sixteens(rows[r] + 2, behind), _mm512_set1_epi8((char)0x80));
    } else {
      __m512i nibbles = sixteens(rows[r] + (format == integers_q4_0 ? 2 : 4), at);
      first = _mm512_and_si512(nibbles, byte);
      second = _mm512_and_si512(_mm512_srli_epi16(nibbles, 4), byte);
    }
    __m512i product[3];
    for (int plane = 0; plane < 3; plane++) {
      __m512i sum = _mm512_dpbusd_epi32(_mm512_setzero_si512(), first, _mm512_load_si512(planes + plane * 128));
      product[plane] = _mm512_dpbusd_epi32(sum, second, _mm512_load_si512(planes + plane * 128 + 64));
    }
    __m512 upper = _mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_slli_epi32(product[0], 8), product[1]));
    __m512 value = _mm512_fmadd_ps(upper, _mm512_set1_ps(256), _mm512_cvtepi32_ps(product[2]));
    __m512i lanes = _mm512_add_epi32(spread, _mm512_set1_epi32(4 * r));
    totals->sums[r] = _mm512_fmadd_ps(value, _mm512_permutexvar_ps(lanes, weights), totals->sums[r]);
  }
}

FORMAT void multiply(integers_format format, const uint8_t *const rows[4], ptrdiff_t blocks, const void *inputs,
                     float y[4]) {
  const ptrdiff_t bytes = block_bytes(format);
  const ptrdiff_t groups = (blocks + 3) / 4, whole = blocks / 4;
  const int8_t *planes = inputs;
  const float *scales = (const float *)(planes + groups * planes_bytes), *sums = scales + 4 * groups;
  totals totals = {.minima = _mm512_setzero_ps()};
  for (int r = 0; r < 4; r++) totals.sums[r] = _mm512_setzero_ps();
  for (ptrdiff_t group = 0; group < whole; group++) {
    const ptrdiff_t start = 4 * group * bytes;
    const ptrdiff_t at[4] = {start, start + bytes, start + 2 * bytes, start + 3 * bytes};
    ask_ahead(rows[0] + 4 * start, 16 * bytes);
    add_group(format, rows, at, heads_of(format, rows, start), planes + group * planes_bytes, scales + 4 * group,
              sums + 4 * group, &totals);
  }
  if (whole < groups) {
    // Blocks beyond the row's last are that one again; the inputs count nothing there.
    ptrdiff_t at[4];
    for (int c = 0; c < 4; c++) at[c] = (4 * whole + c < blocks ? 4 * whole + c : blocks - 1) * bytes;
    ask_ahead(rows[0] + 16 * whole * bytes, 4 * (blocks - 4 * whole) * bytes);
    add_group(format, rows, at, heads_at(rows, at), planes + whole * planes_bytes, scales + 4 * whole, sums + 4 * whole,
              &totals);
  }
  float minima[16];
  _mm512_storeu_ps(minima, totals.minima);
  for (int r = 0; r < 4; r++) {
    const float *own = minima + 4 * r;
    y[r] = _mm512_reduce_add_ps(totals.sums[r]) + ((own[0] + own[1]) + (own[2] + own[3]));
  }
}

INTEGERS void integers_wide_multiply(
    integers_format format, const uint8_t *const rows[4], ptrdiff_t blocks, const void *inputs, float y[4]) {
  switch (format) {
    case integers_q4_0: multiply(integers_q4_0, rows, blocks, inputs, y); break;
    case integers_q4_1: multiply(integers_q4_1, rows, blocks, inputs, y); break;
    case integers_q8_0: multiply(integers_q8_0, rows, blocks, inputs, y); break;
  }
}

#endif
