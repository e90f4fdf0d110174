#!/usr/bin/env bash
# Runs one stage of a recipe: OUTPUT appears whole or not at all.
#
#     pipelines/stage.sh [--resume 'FILE…'] INPUT OUTPUT.jsonl COMMAND [ARGUMENT…]
#
# OUTPUT.log keeps what the command said on stderr, which is shown too; .seconds/OUTPUT beside it, the wall time;
# .stage/OUTPUT.command, the command, and .stage/OUTPUT.memory, the bytes of memory that it held at most, if it tells them.
#
# --resume is for commands that know that option: what a run that was broken off has written stays in OUTPUT.part, and
# the next goes on behind it, if its command is the same and none of FILE, which decide the result, is newer.
set -euo pipefail

resumable=no decisive=() arguments=("$@")
if [[ $1 == --resume ]]; then
  resumable=yes
  read -r -a decisive <<< "$2"
  shift 2
fi
input=$1 output=$2
shift 2
# Other machines (common.mk): in shards, or nlft-step as one program on several.
if [[ ${NLFT_RUNNER:-local} != local && " ${NLFT_SPREAD:-} " == *" ${1##*/nlft-} "* ]]; then
  exec pipelines/spread.sh "${arguments[@]}"
elif [[ ${1##*/} == nlft-step && -n ${NLFT_STEP_LAUNCHER:-} ]]; then
  read -r -a launcher <<< "$NLFT_STEP_LAUNCHER"
  set -- "${launcher[@]}" "$@"
fi
folder=$(dirname "$output") name=$(basename "$output" .jsonl)
mkdir -p "$folder/.seconds" "$folder/.stage"

# Microseconds; where bash is too old for them, seconds.
now() {
  local time=${EPOCHREALTIME:-}
  if [[ -n $time ]]; then printf '%s' "${time/[.,]/}"; else printf '%s000000' "$(date +%s)"; fi
}

printf -v command '%q ' "$@"
printf -v command '%s< %q > %q' "$command" "$input" "$output"
printf '%s\n' "$command" > "$folder/.stage/$name.command"
rm -f "$folder/.stage/$name.memory"
export NLFT_PEAK_MEMORY=$folder/.stage/$name.memory
# What a run in shards has left.
rm -rf "$folder/$name.shards"
# What is written until it is whole; beside it, the command that writes it and how long the runs before have taken.
part=$output.tmp started=$output.part.started
spent=0
rm -f "$output.tmp"
if [[ $resumable == yes ]]; then
  part=$output.part
  goes_on=no
  if [[ -s $part && -e $started ]] && { read -r spent && read -r earlier; } < "$started" && [[ $earlier == "$command" ]]; then
    goes_on=yes
    for file in "${decisive[@]}"; do if [[ $file -nt $started ]]; then goes_on=no; fi; done
  fi
  if [[ $goes_on == yes ]]; then
    # From its start to its last line.
    took=$(($(date -r "$part" +%s) - $(date -r "$started" +%s)))
    if ((took > 0)); then spent=$((spent + took * 1000)); fi
    set -- "$@" --resume "$part"
  else
    rm -f "$part" "$started"
    spent=0
  fi
  printf '%d\n%s\n' "$spent" "$command" > "$started.tmp"
  mv "$started.tmp" "$started"
fi
if [[ ${goes_on-no} == yes ]]; then
  printf -v command '%q ' "$@"
  printf -v command '%s< %q >> %q' "$command" "$input" "$part"
fi
printf '%s\n' "$command" >&2

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

: >> "$part"
# The tools draw their own progress on a terminal; behind the log they can't. It ends with this script, also when that is
# killed, and holds no lock of the work folder (locked.sh).
if [[ -t 2 ]]; then
  total=$(wc -l < "$input")
  while sleep 1 && kill -0 $$ 2> /dev/null; do
    lines=$(wc -l < "$part") || break
    printf '\r\033[K%s: %d records, from %d' "$output" "$lines" "$total" >&2
  done 9>&- &
  progress=$!
fi

start=$(now)
# In the background, so that a signal is not kept waiting until the command has ended.
exec 3> >(exec tee "$folder/$name.log" >&2)
log=$!
"$@" 2>&3 3>&- < "$input" >> "$part" &
tool=$!
exec 3>&-
status=0
wait "$tool" || status=$?
tool=
wait "$log" 2> /dev/null || true
if ((status != 0)); then
  # Records were at fault, or what is there already is not of this input: the next run begins anew.
  if [[ $resumable == yes ]] && ((status == 65)); then rm -f "$part" "$started"; fi
  exit "$status"
fi
elapsed=$((spent + ($(now) - start) / 1000))
printf '%d.%03d\n' $((elapsed / 1000)) $((elapsed % 1000)) > "$folder/.seconds/$name"
mv "$part" "$output"
rm -f "$started"
