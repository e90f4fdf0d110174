// Sixteen lanes of AVX-512: what the files share whose functions use nothing more.

#ifndef NLFT_LANES_H
#define NLFT_LANES_H

#include <immintrin.h>
#include <stddef.h>

#include "Tiles.h"

// The library is built for any processor; only these functions use what must be asked for first.
#define LANES __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma")))

LANES static inline __mmask16 first_lanes(ptrdiff_t count) {
  return count >= 16 ? 0xFFFF : count > 0 ? (__mmask16)((1u << count) - 1) : 0;
}

// Which of sixteen keys from `key` on are seen.
LANES static inline __mmask16 seen_lanes(tiles_seen seen, ptrdiff_t key) {
  return first_lanes(seen.end - key) & (__mmask16)~first_lanes(seen.first - key);
}

#endif
