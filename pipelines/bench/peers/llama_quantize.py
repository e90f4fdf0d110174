"""Writes a GGUF model in another number format, with llama.cpp's own quantiser.

    llama_quantize.py MODEL.gguf TARGET.gguf bf16|q8_0|q4_0
"""

import os
import sys

import llama_cpp as llama

FORMATS = {"q4_0": 2, "q8_0": 7, "bf16": 32}

source, target, name = sys.argv[1:]
llama.llama_backend_init()
parameters = llama.llama_model_quantize_default_params()
parameters.ftype = FORMATS[name]
# The model comes in 4 bits: what is made from it is as exact as it is, but for q4_0.
parameters.allow_requantize = True
temporary = target + ".tmp"
status = llama.llama_model_quantize(source.encode(), temporary.encode(), parameters)
if status != 0:
    sys.exit(f"llama.cpp could not write {target}: {status}")
os.replace(temporary, target)
print("{}")
