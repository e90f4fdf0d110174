#!/usr/bin/env bash
# Installs what the build and the demo need, if it is missing. Debian and Ubuntu; elsewhere it says what to install.
#
#     pipelines/setup.sh [NAME=PACKAGE…]
#
# What only some recipes need is named, a command or a library of pkg-config: gnuplot=gnuplot-nox.
set -euo pipefail

say() { printf 'setup: %s\n' "$*" >&2; }

if ! command -v swift > /dev/null; then
  say 'swift is missing: install Swift 6.2 or later from https://www.swift.org/install'
  exit 1
fi

missing=()
if command -v pkg-config > /dev/null; then
  pkg-config --exists openblas || missing+=(libopenblas-dev)
  pkg-config --exists libzstd || missing+=(libzstd-dev)
  pkg-config --exists zlib || missing+=(zlib1g-dev)
  pkg-config --exists libcurl || missing+=(libcurl4-openssl-dev)
else
  missing+=(pkg-config libopenblas-dev libzstd-dev zlib1g-dev libcurl4-openssl-dev)
fi
python3 -m pip --version > /dev/null 2>&1 || missing+=(python3-pip)
for other; do
  command -v "${other%%=*}" > /dev/null || pkg-config --exists "${other%%=*}" 2> /dev/null || missing+=("${other#*=}")
done
if ((${#missing[@]} == 0)); then exit 0; fi

if ! command -v apt-get > /dev/null; then
  say "missing: ${missing[*]} (Debian's names). Install OpenBLAS, zstd, zlib and libcurl with their headers, pkg-config and Python 3 with pip."
  exit 1
fi
root=()
if ((EUID != 0)); then
  if ! command -v sudo > /dev/null; then
    say "missing: ${missing[*]}, and no sudo to install them with. As root: apt-get install ${missing[*]}"
    exit 1
  fi
  root=(sudo)
fi
say "installing ${missing[*]}"
"${root[@]}" apt-get update
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "${missing[@]}"
