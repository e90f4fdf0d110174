#!/usr/bin/env bash
# Runs one shard of a stage (spread.sh) where it is started: on the host that GNU parallel or Slurm chose.
#
#     pipelines/shard.sh SHARDS LIST PLACE   by GNU parallel: the shard at that place of "3 5 8", its records on stdin
#     pipelines/shard.sh SHARDS NUMBER       by Slurm: it takes its records from the stage's input
#
# The shard's folder, SHARDS/NUMBER, ends with the output and `done`, which names the host; or with `status`.
set -euo pipefail

shards=$1
read -r -a numbers <<< "$2"
number=${numbers[${3:-1} - 1]}
# shellcheck disable=SC2034
resume=() each=0 count=0 records=0 input='' name='' archive='' rejects='' tolerant=no command=()
# shellcheck disable=SC1091
source "$shards/plan"
folder=$shards/$(printf %03d "$number")
mkdir -p "$folder"

# One that was given up may still be at work: of the same shard, in the same files. The tool inherits the lock.
if command -v flock > /dev/null; then
  exec 8>> "$folder/lock"
  flock 8
fi
# Records that fail by themselves fail on another host too.
ended=$(cat "$folder/status" 2> /dev/null || true)
if [[ -e $folder/done || $ended == 6[456] ]]; then
  if [[ -n ${3:-} ]]; then cat > /dev/null; fi
  exit "${ended:-0}"
fi

leave() { # STATUS
  printf '%d\n' "$1" > "$folder/status"
  exit "$1"
}

first=$(((number - 1) * each + 1))
expected=$((number < count ? each : records - first + 1))
if [[ -n ${3:-} ]]; then
  cat > "$folder/input.jsonl"
else
  sed -n "$first,$((first + expected - 1))p;$((first + expected - 1))q" "$input" > "$folder/input.jsonl"
fi
found=$(awk 'END { print NR }' "$folder/input.jsonl")
if ((found != expected)); then
  printf 'shard %d: has %d records, expected %d\n' "$number" "$found" "$expected" >&2
  leave 75
fi

# What the command writes goes into the shard's folder, but for the first shard's archive.
for ((i = 0; i < ${#command[@]}; i++)); do
  case ${command[i]} in
    --archive) if ((number > 1)); then command[i + 1]=$folder/$(basename "$archive"); fi ;;
    --rejects) command[i + 1]=$folder/$(basename "$rejects") ;;
  esac
done

unset NLFT_RUNNER
status=0
# It may be there, and only its `done` not.
if [[ ! -e $folder/$name.jsonl ]]; then
  pipelines/stage.sh "${resume[@]}" "$folder/input.jsonl" "$folder/$name.jsonl" "${command[@]}" || status=$?
fi
# All records of a shard may fail where not all of the stage's do.
if [[ $status == 65 && $tolerant == yes ]]; then
  : > "$folder/$name.jsonl"
  status=0
fi
if ((status)); then leave "$status"; fi
printf '%s\n' "${PARALLEL_SSHHOST:-$(hostname)}" > "$folder/done.tmp"
mv "$folder/done.tmp" "$folder/done"
