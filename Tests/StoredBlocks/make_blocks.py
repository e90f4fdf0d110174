"""Blocks of ggml's quantised types and the values that the gguf package (pip install gguf) reads from them.

Writes TYPE.blocks, the stored bytes, and TYPE.values, little-endian float32, beside this script.
"""
import pathlib

import numpy as np
from gguf import GGMLQuantizationType
from gguf.quants import dequantize

# Bytes of a block, and where its half-precision numbers are: d, and m where there is one.
TYPES = {
    "Q4_0": (18, [0]), "Q4_1": (20, [0, 2]), "Q5_0": (22, [0]), "Q5_1": (24, [0, 2]), "Q8_0": (34, [0]),
    "Q2_K": (84, [80, 82]), "Q3_K": (110, [108]), "Q4_K": (144, [0, 2]), "Q5_K": (176, [0, 2]), "Q6_K": (210, [208]),
}
# The largest half and the largest subnormal, the smallest one, zeros of both signs, and usual scales of both signs.
SCALES = [65504.0, -0.0123, 6.098e-05, 5.96e-08, 0.0, -0.0, -65504.0, 0.00371]

folder = pathlib.Path(__file__).parent
generator = np.random.default_rng(20)
for name, (size, places) in TYPES.items():
    count = 6 if name.endswith("_K") else 24
    blocks = generator.integers(0, 256, (count, size), dtype=np.uint8)
    # All bits clear, all set, and every byte in turn.
    blocks[0], blocks[1] = 0, 255
    blocks[2:4] = np.arange(2 * size, dtype=np.int64).reshape(2, size) % 256
    for row in range(count):
        for order, place in enumerate(places):
            scale = SCALES[(row * (1 + 2 * order) + 1) % len(SCALES)]
            blocks[row, place:place + 2] = np.array([scale], np.float16).view(np.uint8)
    (folder / f"{name}.blocks").write_bytes(blocks.tobytes())
    values = dequantize(blocks, GGMLQuantizationType[name]).astype("<f4")
    assert np.isfinite(values).all()
    (folder / f"{name}.values").write_bytes(values.tobytes())
