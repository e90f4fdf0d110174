#!/usr/bin/env bash
# Installs the bench's peers from PyPI into a Python environment, unless they are there.
#
#     pipelines/bench/install-peers.sh DIRECTORY
set -euo pipefail

fail() {
  printf 'peers: %s\n' "$*" >&2
  exit 1
}

if (($# != 1)); then fail 'expected one argument, the environment to make'; fi
environment=$1
requirements=$(dirname "${BASH_SOURCE[0]}")/peers/requirements.txt
python=$environment/bin/python
imports='import llama_cpp, numpy, peft, tokenizers, torch, transformers'
if [[ -x $python ]] && "$python" -c "$imports" 2> /dev/null; then exit 0; fi

printf 'peers: installing into %s; llama.cpp takes some minutes to build\n' "$environment" >&2
mkdir -p "$(dirname "$environment")"
if [[ ! -x $python ]]; then
  python3 -m venv "$environment" || fail "python3 could make no environment in $environment (Debian: python3-venv)"
fi
pip=("$python" -m pip --disable-pip-version-check --quiet)
# PyTorch without the libraries for graphics cards where its own index can be reached, else as PyPI has it.
torch=$(grep '^torch==' "$requirements")
"${pip[@]}" install --index-url https://download.pytorch.org/whl/cpu "$torch" 2> /dev/null \
  || "${pip[@]}" install "$torch" || fail "$torch could not be installed"
# GCC 12 sets AMX up wrongly, so that llama.cpp dies of an illegal instruction: Swift's own Clang is better.
clang=$(dirname "$(readlink -f "$(command -v swift)")")/clang
if [[ -x $clang && -x $clang++ ]]; then
  export CC=$clang CXX=$clang++
elif ! command -v c++ > /dev/null; then
  fail 'a C++ compiler is missing: llama.cpp is built from source'
fi
CMAKE_ARGS='-DGGML_NATIVE=ON' "${pip[@]}" install --no-cache-dir --no-binary llama-cpp-python --requirement "$requirements" \
  || fail 'the peers could not be installed'
"$python" -c "$imports" || fail "something is still missing in $environment"
