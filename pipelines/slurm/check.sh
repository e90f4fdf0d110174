#!/usr/bin/env bash
# Runs a recipe's round on "other machines", ends parts of it on the way, and compares the result with a local run's.
#
#     pipelines/slurm/check.sh [parallel] [slurm] [RECIPE] [SETTING=VALUE…]
#
# The machines are this one: an ssh server and a Slurm of its own (ssh-here.sh, slurm-here.sh). RECIPE is smoke, a tiny
# model with random weights, or demo. What is missing, program or package, is said, and its part left out; with
# REQUIRED=yes that is a failure. Run from the top of the repository, after make build.
set -euo pipefail

runners=() settings=() recipe=smoke
for argument; do
  case $argument in
    parallel | slurm) runners+=("$argument") ;;
    *=*) settings+=("$argument") ;;
    *) recipe=$argument ;;
  esac
done
if ((${#runners[@]} == 0)); then runners=(parallel slurm); fi
top=$PWD work=pipelines/slurm/work
tools=$top/.build/release
case $recipe in
  smoke) settings=(JUDGE_OPTIONS='--batch 2' EXAMPLES=24 TEST=6 ROUNDS=1 "${settings[@]}") ;;
  *) settings=(JUDGE_OPTIONS='--batch 2' SAMPLE_BATCH=4 ROUNDS=1 THREADS=1 "${settings[@]}") ;;
esac
log=$work/check.log
model=$top/pipelines/smoke/work/model
# Of srun, the end of one rank is the end of all only if it is told so.
ranks_by_slurm='srun --mpi=pmix --kill-on-bad-exit=1 -n 2'
ranks_here='mpirun --allow-run-as-root --oversubscribe -n 2'

note() { printf 'spread: %s\n' "$*" >&2; }
fail() {
  note "$*"
  note "the last lines of $log:"
  tail -n 25 "$log" >&2
  exit 1
}

# run WORK SETTING…: Make, and nothing of an outer one.
run() {
  local folder=$1
  shift
  env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKEOVERRIDES -u NLFT_LOCKED make --no-print-directory -f "pipelines/$recipe/Makefile" \
    "${settings[@]}" WORK="$folder" "$@" >> "$log" 2>&1
}

# await SECONDS WHAT COMMAND…
await() {
  local tries=$(($1 * 20)) what=$2
  shift 2
  until "$@" 2> /dev/null; do
    if ((--tries == 0)); then fail "waited in vain for $what"; fi
    sleep 0.05
  done
}

# ---- Tools that can be met on their way: the real ones, but those named in HELD/TOOL-SHARD stop once, behind the first
# records of their input, and wait for their end.

make_tools() { # FOLDER STEP
  local tool
  rm -rf "$1"
  mkdir -p "$1/held"
  for tool in "$tools"/nlft-*; do if [[ -x $tool && -f $tool ]]; then ln -s "$tool" "$1/"; fi; done
  ln -sf "$2" "$1/nlft-step"
  for tool in sample judge step; do
    mv "$1/nlft-$tool" "$1/real-nlft-$tool"
    cat > "$1/nlft-$tool" << HELD
#!/usr/bin/env bash
here=$top/$1
printf '%s %s\n' '$tool' "\$*" >> "\$here/calls"
printf '%s\n' "\${PARALLEL_SSHHOST:-}" >> "\$here/hosts"
for mark in "\$here/held/$tool-"*; do
  shard=\${mark##*-}
  # Of several ranks the one that reads: the others would not wait for its input.
  if [[ -e \$mark && \$mark != *.* && \${SLURM_PROCID:-0} == 0 ]] \
    && [[ "\$*" == *".shards/\$shard/"* || '$tool' == step ]] && mkdir "\$mark.taken" 2> /dev/null; then
    rm "\$mark"
    printf '%d\n' \$\$ > "\$mark.process"
    exec "\$here/real-nlft-$tool" "\$@" < <(head -n 3; printf '%d\n' \$BASHPID > "\$mark.sleeper"; exec sleep 900)
  fi
done
exec "\$here/real-nlft-$tool" "\$@"
HELD
    chmod +x "$1/nlft-$tool"
  done
}

hold() { # TOOLS TOOL SHARD
  local mark=$1/held/$2-$3
  rm -rf "$mark".{taken,process,sleeper}
  : > "$mark"
}
# What the held tool has written by then is gone on with.
met() { # TOOLS TOOL SHARD PART
  await 240 "nlft-$2 of shard $3" test -s "$1/held/$2-$3.sleeper" -a -s "$4"
}
let_go() { kill "$(< "$1/held/$2-$3.sleeper")" 2> /dev/null || true; }

queue_is_empty() { [[ -z $(squeue --noheader) ]]; }

calls() { grep -c "^$2 .*\.shards/$3/" "$1/calls" || true; }

# called TOOLS TOOL STAGE SHARD TIMES: how often a shard was begun, and that all but the first time it went on.
called() {
  local found
  found=$(calls "$1" "$2" "$4")
  if ((found != $5)); then fail "nlft-$2 was started $found times for shard $4, expected $5"; fi
  if (($5 > 1)); then
    grep "^$2 .*\.shards/$4/" "$1/calls" | tail -n 1 | grep -q -- ' --resume ' || fail "nlft-$2 of shard $4 began anew"
  fi
}

# ---- The same result: all files but logs and times, which name another folder. Of records, the scores' archive and the
# frame's place in it differ in shards: the frames themselves, one archive behind the other, are the same bytes.

compare() { # LOCAL OTHER
  local file folder count=0
  local same="s|$work/[a-z-]*/|WORK/|g" place='s/("scores":\{)"archive":"[^"]*","offset":[0-9]+,/\1/' seconds='s/"seconds":[0-9.e-]+//g'
  while IFS= read -r file; do
    case $file in
      */judged.jsonl | */weighted.jsonl | */steps.jsonl)
        cmp <(sed -E "$same; $place; $seconds" "$1/$file") <(sed -E "$same; $place; $seconds" "$2/$file") \
          || fail "$2/$file has other records than a local run's"
        ;;
      *.json | *.jsonl | *.reasons | *.rejects) cmp <(sed "$same" "$1/$file") <(sed "$same" "$2/$file") || fail "$2/$file differs from a local run's" ;;
      */scores.safetensors.zst)
        folder=$2/$(dirname "$file")
        cmp "$1/$file" <(cat "$folder/scores.safetensors.zst" "$folder"/judged.shards/*/scores.safetensors.zst) \
          || fail "the frames of $folder differ from a local run's"
        count=$((count + $(find "$folder/judged.shards" -name scores.safetensors.zst | wc -l)))
        ;;
      *) cmp "$1/$file" "$2/$file" || fail "$2/$file differs from a local run's" ;;
    esac
  done < <(cd "$1" && find . -type f ! -name '*.log' ! -name .lock ! -name RESULTS.txt ! -path '*/.s*' | sort)
  ((count > 0)) || fail "$2 has no archives of shards: nothing was spread"
  file=$(cd "$2" && find . \( -name '*.tmp' -o -name '*.part' -o -name '*.started' -o -name plan -o -name input.jsonl \) -print -quit)
  [[ -z $file ]] || fail "$2/$file was left behind"
}

# ---- What both runners have to bear: make is ended while nlft-judge runs, and goes on.

ended_make() { # FOLDER TOOLS LOCAL SETTING…
  local folder=$1 tool_folder=$2 reference=$3 started process
  shift 3
  note 'make is ended while nlft-judge runs, and goes on'
  rm "$folder/round-1/judged.jsonl"
  : > "$tool_folder/calls"
  hold "$tool_folder" judge 002
  run "$folder" "$@" &
  started=$!
  met "$tool_folder" judge 002 "$folder/round-1/judged.shards/002/judged.jsonl.part"
  process=$(< "$tool_folder/held/judge-002.process")
  kill "$(< "$folder/.lock")"
  if wait "$started"; then fail 'make was ended and says that all went well'; fi
  await 240 'the end of nlft-judge, whose make was ended' eval "! kill -0 $process"
  let_go "$tool_folder" judge 002
  if [[ $runner == slurm ]]; then await 240 'an empty queue' queue_is_empty; fi
  run "$folder" "$@" || fail 'make did not go on'
  called "$tool_folder" judge judged 002 2
  compare "$reference" "$folder"
}

# ---- GNU parallel, two hosts

by_parallel() {
  local folder=$work/parallel tool_folder=$work/parallel-tools process held started
  local how=(BIN="$tool_folder" RUNNER=parallel HOSTS='one two' SSH="$HERE_SSH" SHARDS=3)
  rm -rf "$folder"
  make_tools "$tool_folder" "$tools/nlft-step"
  hold "$tool_folder" sample 002
  hold "$tool_folder" judge 002
  note 'a round over ssh: nlft-sample of one shard is killed, the connection to another breaks in nlft-judge'
  run "$folder" "${how[@]}" &
  started=$!
  met "$tool_folder" sample 002 "$folder/round-1/sampled.shards/002/sampled.jsonl.part"
  kill -KILL "$(< "$tool_folder/held/sample-002.process")"
  let_go "$tool_folder" sample 002
  met "$tool_folder" judge 002 "$folder/round-1/judged.shards/002/judged.jsonl.part"
  held=$(< "$tool_folder/held/judge-002.process")
  process=$held
  while [[ $(ps -o comm= -p "$process") != sshd* ]]; do
    process=$(ps -o ppid= -p "$process" | tr -d ' ')
    if ((process <= 1)); then fail 'nlft-judge does not run behind an ssh server'; fi
  done
  kill -KILL "$process"
  await 240 'the end of nlft-judge, whose connection is gone' eval "! kill -0 $held"
  let_go "$tool_folder" judge 002
  wait "$started" || fail 'the round over ssh failed'
  called "$tool_folder" sample sampled 001 1
  called "$tool_folder" sample sampled 002 2
  called "$tool_folder" judge judged 002 2
  called "$tool_folder" judge judged 003 1
  # What was ended on one host was begun again on the other.
  for host in one two; do grep -qx "$host" "$tool_folder/hosts" || fail "host $host has run nothing"; done
  compare "$work/local" "$folder"

  ended_make "$folder" "$tool_folder" "$work/local" "${how[@]}"
}

# Records that fail, all of a shard among them, and a stage that does not forgive: the same as in one piece, but for the
# number of shards that told it. $(1) RUNNER
failing_records() {
  local folder=$work/failing way graded=$work/local/round-1/graded.jsonl
  note 'records that fail'
  rm -rf "$folder"
  mkdir -p "$folder"/{local,"$1"}
  # Of six in three shards: the third and both of the last.
  { sed -n 1,2p "$graded" && printf '{"id":"bad"}\n' && sed -n 3p "$graded" && printf '{"id":"worse"}\n[]\n'; } > "$folder/in.jsonl"
  for way in local "$1"; do
    (
      cd "$folder/$way"
      ln -s "$top"/* .
      stage() { NLFT_RUNNER=$way NLFT_SPREAD='judge saliency' NLFT_SHARDS=3 NLFT_JOBS=2 NLFT_SSH='' NLFT_HOSTS='' pipelines/stage.sh "$@"; }
      judge=("$tools/nlft-judge" --threads 1 --model "$model" --rejects rejects --archive scores.safetensors.zst)
      stage --resume '' "../in.jsonl" judged.jsonl "${judge[@]}" --keep-going
      stage "judged.jsonl" weighted.jsonl "$tools/nlft-saliency" --archive loss.safetensors.zst
      stage --resume '' "../in.jsonl" strict.jsonl "${judge[@]}" || printf '%d\n' $? > status
      find . -maxdepth 1 -type l -delete
    ) >> "$log" 2>&1 || fail "$way: records that fail ended a stage"
    [[ $(cat "$folder/$way/status") == 65 && ! -e $folder/$way/strict.jsonl ]] || fail "$way: a stage did not fail of its records"
  done
  cmp "$folder"/{local,"$1"}/rejects || fail 'other records fail'
  cmp "$folder"/{local,"$1"}/rejects.reasons || fail 'records fail for other reasons'
  cmp <(grep -v critiques "$folder/local/judged.log" | sort) <(grep -v critiques "$folder/$1/judged.log" | sort) || fail 'other things are said of them'
  [[ $(wc -l < "$folder/$1/weighted.jsonl") == 3 ]] || fail 'records are missing'
  for way in judged weighted; do
    cmp <(sed -E 's/"archive":"[^"]*","offset":[0-9]+,//g' "$folder/local/$way.jsonl") \
      <(sed -E 's/"archive":"[^"]*","offset":[0-9]+,//g' "$folder/$1/$way.jsonl") || fail "other records in $way.jsonl"
  done
}

# ---- Slurm, a node of two processors

by_slurm() {
  local folder=$work/slurm tool_folder=$work/slurm-tools started process step=$tools/nlft-step
  local how=(BIN="$tool_folder" RUNNER=slurm SHARDS=3) reference=$work/local
  rm -rf "$folder"
  if [[ -n $mpi_step ]]; then
    how+=(STEP_LAUNCHER="$ranks_by_slurm")
    reference=$work/local-ranks step=$mpi_step
  fi
  make_tools "$tool_folder" "$step"
  hold "$tool_folder" sample 002
  hold "$tool_folder" judge 003
  note 'a round as arrays of jobs: nlft-sample of one task is killed, a task of nlft-judge is cancelled'
  if [[ -n $mpi_step ]]; then
    note '… and a rank of nlft-step is killed'
    hold "$tool_folder" step rank
  fi
  run "$folder" "${how[@]}" &
  started=$!
  met "$tool_folder" sample 002 "$folder/round-1/sampled.shards/002/sampled.jsonl.part"
  kill -KILL "$(< "$tool_folder/held/sample-002.process")"
  let_go "$tool_folder" sample 002
  met "$tool_folder" judge 003 "$folder/round-1/judged.shards/003/judged.jsonl.part"
  process=$(< "$tool_folder/held/judge-003.process")
  scancel "$(< "$folder/round-1/judged.shards/job")_3"
  await 240 'the end of nlft-judge, whose task was cancelled' eval "! kill -0 $process"
  let_go "$tool_folder" judge 003
  if [[ -n $mpi_step ]]; then
    await 240 'a rank of nlft-step' test -s "$tool_folder/held/step-rank.process"
    # It is held; the others have come by then, or come to a run that has ended.
    sleep 0.5
    kill -KILL "$(< "$tool_folder/held/step-rank.process")"
    let_go "$tool_folder" step rank
    if wait "$started"; then fail 'a rank was killed, and make says that all went well'; fi
    [[ ! -e $folder/round-1/steps.jsonl ]] || fail 'a rank was killed, and its steps are there'
    note '… after which make goes on'
    run "$folder" "${how[@]}" || fail 'make did not go on'
  else
    wait "$started" || fail 'the round failed'
  fi
  called "$tool_folder" sample sampled 001 1
  called "$tool_folder" sample sampled 002 2
  called "$tool_folder" judge judged 003 2
  compare "$reference" "$folder"

  ended_make "$folder" "$tool_folder" "$reference" "${how[@]}"
}

# ---- What is there

has_missing=no
lacks() { # PART COMMAND=PACKAGE…
  local part=$1 pair missing=()
  shift
  for pair; do command -v "${pair%%=*}" > /dev/null || missing+=("${pair#*=}"); done
  if ((${#missing[@]} == 0)); then return 1; fi
  note "$part is left out: Debian's ${missing[*]} not installed"
  has_missing=yes
}

# Called by itself within the servers' scripts.
if [[ -n ${NLFT_CHECKING:-} ]]; then
  runner=$NLFT_CHECKING
  unset NLFT_CHECKING
  # shellcheck disable=SC2153
  mpi_step=$MPI_STEP_FOUND
  "by_$runner"
  # Its records are of the tiny model.
  if [[ $recipe == smoke ]]; then failing_records "$runner"; fi
  exit
fi

PATH=$PATH:/usr/sbin:/sbin
rm -rf "$work"
mkdir -p "$work"
: > "$log"
if [[ ! -e $model/model.safetensors ]]; then
  make --no-print-directory -f pipelines/smoke/Makefile model >> "$log" 2>&1 || fail 'the tiny model was not made'
fi
export MPI_STEP_FOUND=''
for candidate in "${MPI_STEP:-}" "$top/.build/mpi/release/nlft-step" "$tools/nlft-step"; do
  if [[ -x $candidate && $(ldd "$candidate") == *libmpi* ]]; then
    MPI_STEP_FOUND=$candidate
    break
  fi
done
note 'a local run'
run "$work/local" || fail 'the local run failed'
sockets=$(mktemp -d /tmp/nlft-here.XXXXXX)
trap 'rm -rf "$sockets"' EXIT
for runner in "${runners[@]}"; do
  case $runner in
    parallel)
      if lacks 'ssh' parallel=parallel sshd=openssh-server ssh=openssh-client; then continue; fi
      NLFT_CHECKING=parallel pipelines/slurm/ssh-here.sh "$sockets/ssh" "$0" "$@"
      ;;
    slurm)
      if lacks 'Slurm' sbatch=slurm-client slurmctld=slurmctld slurmd=slurmd munged=munge; then continue; fi
      if [[ -z $MPI_STEP_FOUND ]] || ! command -v mpirun > /dev/null; then
        MPI_STEP_FOUND=''
        note 'nlft-step is not built for several processes (make build MPI=1): its ranks are left out'
      else
        cp -a "$work/local" "$work/local-ranks"
        make_tools "$work/local-tools" "$MPI_STEP_FOUND"
        rm "$work/local-ranks/round-1/steps.jsonl"
        run "$work/local-ranks" BIN="$work/local-tools" STEP_LAUNCHER="$ranks_here" || fail 'a local run of two ranks failed'
      fi
      NLFT_CHECKING=slurm pipelines/slurm/slurm-here.sh "$sockets/slurm" "$0" "$@"
      ;;
  esac
done
if [[ $has_missing == yes && ${REQUIRED:-no} == yes ]]; then exit 1; fi
note 'passed'
