#!/usr/bin/env bash
# Runs one stage of a recipe: OUTPUT appears whole or not at all.
#
#     pipelines/stage.sh INPUT OUTPUT.jsonl COMMAND [ARGUMENT…]
#
# OUTPUT.log keeps what the command said on stderr, which is shown too; .seconds/OUTPUT beside it, the wall time.
set -euo pipefail

input=$1 output=$2
shift 2
folder=$(dirname "$output") name=$(basename "$output" .jsonl)
mkdir -p "$folder/.seconds"

printf -v command '%q ' "$@"
printf '%s< %q > %q\n' "$command" "$input" "$output" >&2
progress=
finish() {
  if [[ -n $progress ]]; then
    kill "$progress" 2> /dev/null || true
    wait "$progress" 2> /dev/null || true
    printf '\r\033[K' >&2
  fi
  rm -f "$output.tmp"
}
trap finish EXIT

: > "$output.tmp"
# The tools draw their own progress on a terminal; behind the log they can't.
if [[ -t 2 ]]; then
  total=$(wc -l < "$input")
  while sleep 1; do
    lines=$(wc -l < "$output.tmp") || break
    printf '\r\033[K%s: %d records, from %d' "$output" "$lines" "$total" >&2
  done &
  progress=$!
fi

# Microseconds; where bash is too old for them, seconds.
now() {
  local time=${EPOCHREALTIME:-}
  if [[ -n $time ]]; then printf '%s' "${time/[.,]/}"; else printf '%s000000' "$(date +%s)"; fi
}
start=$(now)
"$@" 2>&1 < "$input" > "$output.tmp" | tee "$folder/$name.log" >&2
elapsed=$((($(now) - start) / 1000))
printf '%d.%03d\n' $((elapsed / 1000)) $((elapsed % 1000)) > "$folder/.seconds/$name"
mv "$output.tmp" "$output"
