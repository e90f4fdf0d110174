#!/usr/bin/env bash
# Runs one stage of a recipe: OUTPUT appears whole or not at all.
#
#     pipelines/stage.sh INPUT OUTPUT.jsonl COMMAND [ARGUMENT…]
#
# OUTPUT.log keeps what the command said on stderr, which is shown too; .seconds/OUTPUT beside it, the wall time;
# .stage/OUTPUT.command, the command, and .stage/OUTPUT.memory, the bytes of memory that it held at most, if it tells them.
set -euo pipefail

input=$1 output=$2
shift 2
folder=$(dirname "$output") name=$(basename "$output" .jsonl)
mkdir -p "$folder/.seconds" "$folder/.stage"

printf -v command '%q ' "$@"
printf '%s< %q > %q\n' "$command" "$input" "$output" | tee "$folder/.stage/$name.command" >&2
rm -f "$folder/.stage/$name.memory"
export NLFT_PEAK_MEMORY=$folder/.stage/$name.memory
progress='' tool=''
finish() {
  trap - EXIT
  if [[ -n $progress ]]; then
    kill "$progress" 2> /dev/null || true
    wait "$progress" 2> /dev/null || true
    printf '\r\033[K' >&2
  fi
  rm -f "$output.tmp"
}
# A signal to this script ends the command too: Make sends it to the script alone.
stop() {
  trap - "$1"
  if [[ -n $tool ]]; then
    kill "$tool" 2> /dev/null || true
    wait "$tool" 2> /dev/null || true
  fi
  finish
  kill -s "$1" $$
}
trap finish EXIT
for signal in HUP INT TERM; do
  # shellcheck disable=SC2064
  trap "stop $signal" "$signal"
done

: > "$output.tmp"
# The tools draw their own progress on a terminal; behind the log they can't. It ends with this script, also when that is
# killed, and holds no lock of the work folder (locked.sh).
if [[ -t 2 ]]; then
  total=$(wc -l < "$input")
  while sleep 1 && kill -0 $$ 2> /dev/null; do
    lines=$(wc -l < "$output.tmp") || break
    printf '\r\033[K%s: %d records, from %d' "$output" "$lines" "$total" >&2
  done 9>&- &
  progress=$!
fi

# Microseconds; where bash is too old for them, seconds.
now() {
  local time=${EPOCHREALTIME:-}
  if [[ -n $time ]]; then printf '%s' "${time/[.,]/}"; else printf '%s000000' "$(date +%s)"; fi
}
start=$(now)
# In the background, so that a signal is not kept waiting until the command has ended.
exec 3> >(exec tee "$folder/$name.log" >&2)
log=$!
"$@" 2>&3 3>&- < "$input" > "$output.tmp" &
tool=$!
exec 3>&-
status=0
wait "$tool" || status=$?
tool=
wait "$log" 2> /dev/null || true
if ((status != 0)); then exit "$status"; fi
elapsed=$((($(now) - start) / 1000))
printf '%d.%03d\n' $((elapsed / 1000)) $((elapsed % 1000)) > "$folder/.seconds/$name"
mv "$output.tmp" "$output"
