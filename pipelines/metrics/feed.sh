#!/usr/bin/env bash
# Feeds the metrics of a recipe's run to TensorBoard or Weights & Biases, installed from PyPI if need be.
#
#     pipelines/metrics/feed.sh tensorboard|wandb WORK [OPTION…]
#
# The Python environment is ~/.cache/nlft/metrics-TO, or PYTHON_ENVIRONMENT; options are feed.py's.
set -euo pipefail

fail() {
  printf 'metrics: %s\n' "$*" >&2
  exit 1
}

if (($# < 2)); then fail 'expected tensorboard or wandb, and the work folder of a recipe'; fi
to=$1 work=$2
shift 2
here=$(dirname "${BASH_SOURCE[0]}")
requirements=$here/requirements-$to.txt
if [[ ! -f $requirements ]]; then fail "TO is \"$to\", expected tensorboard or wandb"; fi

# The steps of rounds follow each other; a run without rounds has its own.
mapfile -t files < <(find "$work" -maxdepth 2 -path '*/round-*/steps.jsonl' 2> /dev/null | sort -V)
if ((${#files[@]} == 0)); then
  if [[ ! -f $work/steps.jsonl ]]; then fail "$work: has no steps.jsonl, neither of rounds nor of its own"; fi
  files=("$work/steps.jsonl")
fi

environment=${PYTHON_ENVIRONMENT:-${XDG_CACHE_HOME:-$HOME/.cache}/nlft/metrics-$to}
python=$environment/bin/python
if [[ ! -x $python ]] || ! "$python" -c "import $to" 2> /dev/null; then
  printf 'metrics: installing %s into %s\n' "$(cat "$requirements")" "$environment" >&2
  mkdir -p "$(dirname "$environment")"
  if [[ ! -x $python ]]; then
    python3 -m venv "$environment" || fail "python3 could make no environment in $environment (Debian: python3-venv)"
  fi
  "$python" -m pip --disable-pip-version-check --quiet install --requirement "$requirements" \
    || fail "$to could not be installed"
fi
exec "$python" "$here/feed.py" --to "$to" --output "$work/metrics/$to" --name "$(basename "$(realpath "$work")")" "$@" "${files[@]}"
