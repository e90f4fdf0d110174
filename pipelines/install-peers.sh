#!/usr/bin/env bash
# Installs what a recipe compares with from PyPI into a Python environment, unless it is there.
#
#     pipelines/install-peers.sh DIRECTORY REQUIREMENTS MODULE…
#
# The modules are those that Python must be able to import; REQUIREMENTS names PyTorch by its version.
set -euo pipefail

fail() {
  printf 'peers: %s\n' "$*" >&2
  exit 1
}

if (($# < 3)); then fail 'expected the environment to make, a file of requirements and the modules in it'; fi
environment=$1
requirements=$2
shift 2
python=$environment/bin/python
imports=$(printf 'import %s\n' "$@")
if [[ -x $python ]] && "$python" -c "$imports" 2> /dev/null; then exit 0; fi

printf 'peers: installing into %s; llama.cpp takes some minutes to build\n' "$environment" >&2
mkdir -p "$(dirname "$environment")"
if [[ ! -x $python ]]; then
  python3 -m venv "$environment" || fail "python3 could make no environment in $environment (Debian: python3-venv)"
fi
pip=("$python" -m pip --disable-pip-version-check --quiet)
# PyTorch without the libraries for graphics cards where pip is set up to find it, else as it comes.
torch=$(grep '^torch==' "$requirements")
"${pip[@]}" install "$torch+cpu" 2> /dev/null \
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
