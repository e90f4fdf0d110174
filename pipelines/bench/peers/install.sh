#!/usr/bin/env bash
# Installs the bench's peers from PyPI into a Python environment, unless they are there.
#
#     pipelines/bench/peers/install.sh DIRECTORY
set -euo pipefail

fail() {
  printf 'peers: %s\n' "$*" >&2
  exit 1
}

if (($# != 1)); then fail 'expected one argument, the environment to make'; fi
environment=$1
requirements=$(dirname "${BASH_SOURCE[0]}")/requirements.txt
python=$environment/bin/python
if [[ -x $python ]] && "$python" -c 'import llama_cpp, numpy, peft, tokenizers, torch, transformers' 2> /dev/null; then
  exit 0
fi

command -v python3 > /dev/null || fail 'python3 is missing'
if ! command -v c++ > /dev/null; then fail 'a C++ compiler is missing: llama.cpp is built from source'; fi
printf 'peers: installing into %s; llama.cpp takes some minutes to build\n' "$environment" >&2
mkdir -p "$(dirname "$environment")"
[[ -x $python ]] || python3 -m venv "$environment" || fail "no environment could be made in $environment"
# PyTorch without the libraries for graphics cards where its own index can be reached, else as PyPI has it.
torch=$(grep '^torch==' "$requirements")
"$python" -m pip install --quiet --index-url https://download.pytorch.org/whl/cpu "$torch" 2> /dev/null \
  || "$python" -m pip install --quiet "$torch" || fail "$torch could not be installed"
CMAKE_ARGS='-DGGML_NATIVE=ON' "$python" -m pip install --quiet --no-binary llama-cpp-python --requirement "$requirements" \
  || fail 'the peers could not be installed'
