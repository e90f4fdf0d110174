#!/usr/bin/env bash
# Runs a stage in shards, on other machines: what stage.sh does if it is told to (common.mk: RUNNER). Arguments as there.
#
# Shard K, a run of neighbouring records, has a folder of its own, NAME.shards/K beside OUTPUT, in which shard.sh runs the
# command by stage.sh: all that a command writes gets the same name there. The first shard's archive alone stays where the
# command has it, for Make looks for it; the others' are read where they lie, since each record names its archive. At
# the end the shards' lines are put together in order, and of NAME.shards the archives are left.
#
# GNU parallel or Slurm runs the shards. One that fails is given to it again, alone, up to NLFT_TRIES times; then the
# stage fails, and the next run goes on with what is there, if its command is the same and none of FILE is newer.
set -euo pipefail

arguments=("$@")
resume=() decisive=()
if [[ $1 == --resume ]]; then
  resume=(--resume '')
  read -r -a decisive <<< "$2"
  shift 2
fi
input=$1 output=$2
shift 2
folder=$(dirname "$output") name=$(basename "$output" .jsonl)
shards=$folder/$name.shards
plan=$shards/plan tries=${NLFT_TRIES:-3}
mkdir -p "$folder/.seconds" "$folder/.stage"

begun=$(date +%s%3N)
fail() {
  printf 'spread: %s: %s\n' "$output" "$2" >&2
  exit "$1"
}

[[ ${NLFT_SHARDS:-} =~ ^[1-9][0-9]{0,2}$ ]] || fail 64 "SHARDS is \"${NLFT_SHARDS:-}\", expected a whole number up to 999"
case ${1##*/} in
  nlft-sample | nlft-judge | nlft-saliency) ;;
  *) fail 64 "SPREAD has ${1##*/nlft-}, expected some of: sample, judge, saliency" ;;
esac
case $NLFT_RUNNER in
  parallel) needed=parallel package=parallel ;;
  slurm) needed=sbatch package=slurm-client ;;
  *) fail 64 "RUNNER is \"$NLFT_RUNNER\", expected local, parallel or slurm" ;;
esac
command -v "$needed" > /dev/null || fail 69 "$needed is missing (Debian: $package)"

# ---- The plan: how many records each shard has, and the command with the files that it writes, in a form that bash reads.

records=$(awk 'END { print NR }' "$input")
each=$(((records + NLFT_SHARDS - 1) / NLFT_SHARDS))
if ((each == 0)) || [[ $(head -c 1 "$input") != '{' ]]; then
  printf 'spread: %s: no lines of records to be spread in %s\n' "$output" "$input" >&2
  NLFT_RUNNER=local exec pipelines/stage.sh "${arguments[@]}"
fi
count=$(((records + each - 1) / each))
archive='' rejects='' threads='' tolerant=no
for ((i = 1; i <= $#; i++)); do
  case ${!i} in
    --archive) j=$((i + 1)) archive=${!j} ;;
    --rejects) j=$((i + 1)) rejects=${!j} ;;
    --threads) j=$((i + 1)) threads=${!j} ;;
    --keep-going) tolerant=yes ;;
  esac
done
printf -v command '%q ' "$@"
planned=$(
  printf 'input=%q name=%q each=%d count=%d records=%d archive=%q rejects=%q tolerant=%s\n' "$input" "$name" "$each" "$count" \
    "$records" "$archive" "$rejects" "$tolerant"
  printf 'resume=('
  if ((${#resume[@]})); then printf '%q ' "${resume[@]}"; fi
  printf ')\ncommand=(%s)\n' "$command"
)
goes_on=no
if [[ -e $plan && $(< "$plan") == "$planned" ]]; then
  goes_on=yes
  for file in "${decisive[@]}"; do if [[ $file -nt $plan ]]; then goes_on=no; fi; done
fi
# A run that was killed may have left its jobs behind.
if [[ -e $shards/job ]]; then scancel "$(< "$shards/job")" 2> /dev/null || true; fi
if [[ $goes_on == no ]]; then
  rm -rf "$shards" "$output.part" "$output.part.started"
  mkdir -p "$shards"
  printf '%s\n' "$planned" > "$plan.tmp"
  mv "$plan.tmp" "$plan"
fi
spent=$(cat "$shards/spent" 2> /dev/null || printf 0)
printf -v shown '%s< %q > %q' "$command" "$input" "$output"
printf '%s\n' "$shown" > "$folder/.stage/$name.command"
printf '%s  # %d shards by %s\n' "$shown" "$count" "$NLFT_RUNNER" >&2

at() { printf '%s/%03d' "$shards" "$1"; }
# without FILE…: the shards that have none of these files.
without() {
  local shard file folder
  for ((shard = 1; shard <= count; shard++)); do
    printf -v folder '%s/%03d' "$shards" "$shard"
    for file; do if [[ -e $folder/$file ]]; then continue 2; fi; done
    printf '%d\n' "$shard"
  done
}

# ---- Who runs them. Each returns when all are done or nothing goes on.

launcher='' progress=''
stop() {
  trap - "$1"
  if [[ -e $shards/job ]]; then scancel "$(< "$shards/job")" 2> /dev/null || true; fi
  # The first tells GNU parallel to start no more, the second to end those that run.
  if [[ -n $launcher ]]; then
    for ((i = 0; i < 20; i++)); do
      kill "$launcher" 2> /dev/null || break
      sleep 0.2
    done
    wait "$launcher" 2> /dev/null || true
  fi
  finish
  kill -s "$1" $$
}
finish() {
  trap - EXIT
  if [[ -n $progress ]]; then
    kill "$progress" 2> /dev/null || true
    wait "$progress" 2> /dev/null || true
    printf '\r\033[K' >&2
  fi
  if [[ -e $plan ]]; then printf '%d\n' $((spent + $(date +%s%3N) - begun)) > "$shards/spent"; fi
}
trap finish EXIT
for signal in HUP INT TERM; do
  # shellcheck disable=SC2064
  trap "stop $signal" "$signal"
done

if [[ -t 2 ]]; then
  while sleep 2 && kill -0 $$ 2> /dev/null; do
    lines=$(cat "$shards"/*/"$name.jsonl" "$shards"/*/"$name.jsonl.part" 2> /dev/null | wc -l) || break
    printf '\r\033[K%s: %d records, from %d, in %d shards' "$output" "$lines" "$records" "$count" >&2
  done 9>&- &
  progress=$!
fi

# The records of the shards that are missing go to the hosts' stdin, a shard at a time; {#} is its place among them.
by_parallel() { # SHARD…
  local ranges='' shard bytes options=()
  for shard; do ranges+="$(((shard - 1) * each + 1)),$((shard * each))p;"; done
  bytes=$(stat -L -c %s "$input" 2> /dev/null || stat -L -f %z "$input")
  if [[ -n ${NLFT_HOSTS:-} ]]; then options+=(--ssh "${NLFT_SSH:-ssh}" --sshlogin "${NLFT_HOSTS// /,}" --workdir "$PWD"); fi
  sed -n "$ranges" "$input" | parallel "${options[@]}" --jobs "${NLFT_JOBS:-1}" --retries 2 --pipe -N "$each" \
    --block $((2 * bytes / count + 65536)) pipelines/shard.sh "$(printf %q "$shards")" "'$*'" '{#}' > "$shards/runner.log" 2>&1 &
  launcher=$!
  wait "$launcher" || true
  launcher=''
}

# One array of jobs, of which squeue knows the last. sbatch --wait would look at longer and longer intervals.
by_slurm() { # SHARD…
  local list=$* job options=() given=() queue looks=0
  if [[ -n $threads ]]; then options+=(--cpus-per-task "$threads"); fi
  read -r -a given <<< "${NLFT_SLURM_OPTIONS:-}"
  job=$(sbatch --parsable --array "${list// /,}" --job-name "nlft-$name" --chdir "$PWD" --output "$shards/runner-%a.log" \
    "${options[@]}" "${given[@]}" \
    --wrap "exec pipelines/shard.sh $(printf %q "$shards") \$SLURM_ARRAY_TASK_ID") || fail 69 'sbatch failed'
  job=${job%%;*}
  printf '%s\n' "$job" > "$shards/job"
  while [[ -n $(without 'done' status) ]]; do
    sleep 0.5
    # The scheduler is asked less often than the file system; one that does not answer knows of the job still.
    if ((++looks % 10)); then continue; fi
    if queue=$(squeue --noheader --jobs "$job" 2>&1); then
      if [[ -z $queue ]]; then break; fi
    elif [[ $queue == *'Invalid job id'* ]]; then
      break
    fi
  done
  rm -f "$shards/job"
}

# ---- What the shards have said, as a run in one piece would: lines of records are counted from the input's first.

# gather FILE NAME: the shards' files of that name, in order.
gather() {
  local shard part
  for ((shard = 1; shard <= count; shard++)); do
    part=$(at "$shard")/$2
    case $2 in
      *.log | *.reasons)
        awk -v before=$(((shard - 1) * each)) '
          match($0, /^([^ ]*: )?line [0-9]+:/) {
            start = index($0, "line ") + 5
            print substr($0, 1, start - 1) substr($0, start, RLENGTH - start) + before substr($0, RLENGTH)
            next
          }
          { print }' "$part"
        ;;
      *) cat "$part" ;;
    esac
  done > "$1.tmp"
  mv "$1.tmp" "$1"
}

tell() {
  gather "$folder/.stage/$name.said" "$name.log"
  # One count of all.
  awk '
    match($0, /: done [0-9]+, failed [0-9]+$/) {
      tool = substr($0, 1, RSTART - 1); split(substr($0, RSTART + 7), part, ", failed "); done += part[1]; failed += part[2]
      next
    }
    { print }
    END { printf "%s: done %d, failed %d\n", tool, done, failed }' "$folder/.stage/$name.said" > "$folder/$name.log"
  rm "$folder/.stage/$name.said"
  cat "$folder/$name.log" >&2
  if [[ -n $rejects ]]; then
    gather "$rejects" "$(basename "$rejects")"
    gather "$rejects.reasons" "$(basename "$rejects").reasons"
  fi
}

# ---- As often as it takes, but not for ever

for ((try = 1; try <= tries; try++)); do
  read -r -d '' -a left < <(without 'done') || true
  if ((${#left[@]} == 0)); then break; fi
  if ((try > 1)); then printf 'spread: %s: again, try %d of %d: shards %s\n' "$output" "$try" "$tries" "${left[*]}" >&2; fi
  for shard in "${left[@]}"; do rm -f "$(at "$shard")/status"; done
  "by_$NLFT_RUNNER" "${left[@]}"
  # A file that another machine has written may take a while to be seen here.
  for ((wait = 0; wait < 5; wait++)); do
    if [[ -z $(without 'done' status) ]]; then break; fi
    sleep 1
    ls "$shards" "$shards"/* > /dev/null
  done
  worst=0
  for shard in "${left[@]}"; do
    if [[ -e $(at "$shard")/done ]]; then continue; fi
    status=$(cat "$(at "$shard")/status" 2> /dev/null || printf 'none')
    case $status in 64 | 65 | 66) worst=$status ;; esac
    if ((worst == 65)); then continue; fi
    printf 'spread: %s: shard %d has failed, status %s\n' "$output" "$shard" "$status" >&2
    cat "$(at "$shard")/$name.log" "$shards/runner-$shard.log" 2> /dev/null | tail -n 3 | sed 's/^/spread: /' >&2 || true
  done
  # What is wrong with records, settings or files is wrong the next time too.
  if ((worst)); then
    if ((worst == 65)) && [[ -z $(without 'done' status) ]]; then
      tell
      rm -rf "$shards"
    fi
    exit "$worst"
  fi
done
if [[ -n $(without 'done') ]]; then
  tail -n 5 "$shards/runner.log" 2> /dev/null | sed 's/^/spread: /' >&2 || true
  fail 75 "shards are missing: $(without 'done' | paste -sd ' '). The same command goes on with them"
fi

# ---- All are there: what a run in one piece would have written.

tell
# Where nothing is left of all records, a run in one piece fails.
if tail -n 1 "$folder/$name.log" | grep -Eq ': done 0, failed [1-9]'; then
  rm -rf "$shards"
  exit 65
fi
gather "$output.whole" "$name.jsonl"
cat "$shards"/*/.stage/"$name.memory" 2> /dev/null | sort -n | tail -n 1 > "$folder/.stage/$name.memory" || true
for ((shard = 1; shard <= count; shard++)); do
  printf '%d\t%d\t%s\t%s\n' "$shard" $(((shard - 1) * each + 1)) "$(cat "$(at "$shard")/done")" \
    "$(cat "$(at "$shard")/.seconds/$name" 2> /dev/null || true)"
done > "$folder/.stage/$name.shards"
spent=$((spent + $(date +%s%3N) - begun))
printf '%d.%03d\n' $((spent / 1000)) $((spent % 1000)) > "$folder/.seconds/$name"
mv "$output.whole" "$output"
if [[ -n $archive && $count -gt 1 ]]; then
  find "$shards" ! -type d ! -name "$(basename "$archive")" -delete
  find "$shards" -mindepth 2 -type d -empty -delete
  find "$shards" -mindepth 1 -type d -empty -delete
else
  rm -rf "$shards"
fi
