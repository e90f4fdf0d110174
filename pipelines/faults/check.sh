#!/usr/bin/env bash
# Nothing is lost: kills every tool, and make, at random moments and looks at what is left.
#
#     make faults KILLS=400
#     pipelines/faults/check.sh calls          from the top of the repository, with the tools built and make smoke run
#
# kills: ROUNDS times, a tool or a recipe is ended by SIGKILL (sometimes by SIGTERM, SIGINT or SIGHUP) at a moment that is
# drawn from its own running time. Then every file is the old one or the new one; stdout and archives are a beginning of
# what a run that nobody kills writes, with at most one frame behind the last that is named; a signal other than SIGKILL
# leaves nothing temporary. The same command is run again and ends with the same bytes, and with nothing temporary.
# calls: the same at every system call that changes a file, in turn, and with that call failing instead (needs strace).
set -euo pipefail
export LC_ALL=C

mode=${1:-kills} rounds=${2:-150} seed=${3:-$((RANDOM * 32768 + RANDOM))}
top=$PWD
work=$top/pipelines/faults/work
model=$top/pipelines/smoke/work/model
bin=$(cd "${BIN:-.build/release}" && pwd)
export PATH=$bin:$PATH
tools=(tokenize sample grade judge saliency step export)

# Below this folder: ref/TOOL, what a run that nobody kills leaves; old/TOOL, what stood there before; run/TOOL, where
# tools are killed. Each tool runs in its folder, so that archives have the same name everywhere.
step_every=2

say() { printf 'faults: %s\n' "$*" >&2; }

fail() {
  say "$*"
  say "seed $seed, kill $kills: ${last:-}; what is left: ${folder:-$work}"
  exit 1
}

# shellcheck source-path=SCRIPTDIR
. pipelines/faults/tools.sh
. pipelines/faults/recipe.sh

# ---- Going on

# Sometimes all over again, sometimes behind what is there, if the tool can.
go_on() {
  local tool=$1 ref=$work/ref/$1 file going=() behind=no
  describe "$tool"
  case $tool in
    step)
      if [[ -e adapter && " $saves " == *" $(tree adapter) "* ]]; then going=(--adapter adapter); fi
      ;;
    export) rm -rf merged ;;
    sample | judge) if ((RANDOM % 4)); then behind=yes; fi ;;
    *) ;;
  esac
  if [[ $behind == yes ]]; then
    last+=', gone on with --resume'
    command+=(--resume out.jsonl)
    complete_behind "${command[@]}"
  else
    complete "${command[@]}" "${going[@]}"
  fi
  check_nothing_temporary "$tool"
  for file in "${whole[@]}"; do cmp -s "$file" "$ref/$file" || fail "$tool: $file is another one after going on"; done
  case $tool in
    judge) cmp -s scores.safetensors.zst "$ref/scores.safetensors.zst" || fail "$tool: other scores after going on" ;;
    saliency) cmp -s loss.safetensors.zst "$ref/loss.safetensors.zst" || fail "$tool: other losses after going on" ;;
    step) [[ $(tree adapter) == "$(tree "$ref/adapter")" ]] || fail "$tool: another adapter after going on" ;;
    export) [[ $(tree merged) == "$(tree "$ref/merged")" ]] || fail "$tool: another model after going on" ;;
  esac
  if [[ $tool != step ]]; then cmp -s out.jsonl "$ref/out.jsonl" || fail "$tool: other lines after going on"; fi
}

# start TOOL: a folder for it, perhaps with what an earlier run left there; sets `had_old`.
start() {
  folder=$work/run/$1
  rm -rf "$folder"
  had_old=no
  if ((RANDOM % 2)); then had_old=yes; fi
  cp -r "$work/input/$1" "$folder"
  cd "$folder"
  describe "$1"
  if [[ $had_old == yes ]]; then
    for file in "${whole[@]}" scores.safetensors.zst loss.safetensors.zst adapter; do
      if [[ -e $work/old/$1/$file && ! -e $file ]]; then cp -r "$work/old/$1/$file" .; fi
    done
  fi
}

now() { printf '%s' "${EPOCHREALTIME/[.,]/}"; }

# microseconds N: as seconds
seconds() { printf '%d.%06d' $(($1 / 1000000)) $(($1 % 1000000)); }

kills=0
declare -A hit missed duration

draw_signal() {
  signal=KILL
  if ((RANDOM % 5 == 0)); then
    local others=(TERM INT HUP)
    signal=${others[RANDOM % 3]}
  fi
}

# draw_moment DURATION: anywhere in it, and often where files are put in their places
draw_moment() {
  local share=$(((RANDOM * 32768 + RANDOM) % 1000000))
  if ((RANDOM % 5 < 2)); then share=$((650000 + share * 4 / 10)); fi
  moment=$(($1 * share / 1000000 + 1000))
}

measure() {
  local tool try start times
  for tool in "${tools[@]}"; do
    times=()
    for try in 1 2 3; do
      start "$tool"
      rm -rf merged
      start=$(now)
      complete "${command[@]}"
      times[try]=$(($(now) - start))
    done
    duration[$tool]=$(printf '%s\n' "${times[@]}" | sort -n | sed -n 2p)
    hit[$tool]=0 missed[$tool]=0
  done
}

kill_tool() {
  local tool=$1 status=0 begin
  start "$tool"
  draw_signal
  draw_moment "${duration[$tool]}"
  last="$tool by SIG$signal after $(seconds "$moment") of $(seconds "${duration[$tool]}") s"
  begin=$(now)
  # --foreground: or timeout would kill itself too, and not wait for the tool's end.
  { timeout --foreground --preserve-status -s "$signal" "$(seconds "$moment")" "${command[@]}" > out.jsonl 2> err || status=$?; } 2> /dev/null
  kills=$((kills + 1))
  case $status in
    $((128 + $(kill -l "$signal")))) hit[$tool]=$((hit[$tool] + 1)) ;;
    0)
      missed[$tool]=$((missed[$tool] + 1))
      # The machine has become faster.
      duration[$tool]=$(((duration[$tool] + $(now) - begin) / 2))
      ;;
    *)
      cat err >&2
      fail "$tool ended with $status"
      ;;
  esac
  check_left "$tool" "$had_old"
  if [[ $signal != KILL ]]; then check_nothing_temporary "$tool"; fi
  go_on "$tool"
}

# ---- Every call in turn

calls=(write pwrite64 fsync rename renameat2 ftruncate unlink rmdir mkdir flock)

# A tool that is killed at its Nth call of a kind, or told that the call failed.
every_call() {
  local tool=$1 call=$2 fault=$3 number status
  for ((number = 1; number < 400; number++)); do
    start "$tool"
    last="$tool, call $number of $call: $fault"
    status=0
    { strace -f -qq -o "$work/trace" -e trace="$call" -e "inject=$call:$fault:when=$number" "${command[@]}" > out.jsonl 2> err || status=$?; } 2> /dev/null
    if ! grep -q -e INJECTED -e '+++ killed by SIGKILL' "$work/trace"; then return; fi
    kills=$((kills + 1))
    hit[$tool]=$((hit[$tool] + 1))
    case $status in
      137) [[ $fault == signal=* ]] || fail "$tool was killed" ;;
      0 | 65) ;;
      66 | 74) [[ $(grep -vc ': in.jsonl: line [0-9]*: ' err) == 1 ]] || fail "$tool: not one line: $(cat err)" ;;
      *) fail "$tool ended with $status: $(cat err)" ;;
    esac
    check_left "$tool" "$had_old"
    # A directory that is gone cannot be left by a run that was told so.
    go_on "$tool"
  done
}

# ---- The whole

RANDOM=$((seed % 32768))
[[ -d $model ]] || fail "$model is missing: make smoke makes it"
for name in timeout cmp cksum flock; do
  if ! command -v "$name" > /dev/null; then
    say "skipped: there is no $name here"
    exit 0
  fi
done
prepare
measure
say "seed $seed; running times in ms: $(for tool in "${tools[@]}"; do printf '%s %d  ' "$tool" $((duration[$tool] / 1000)); done)"

case $mode in
  kills)
    prepare_recipe
    check_lock
    all=("${tools[@]}" make)
    for ((round = 0; round < rounds; round++)); do
      if [[ ${all[round % 8]} == make ]]; then kill_make; else kill_tool "${all[round % 8]}"; fi
    done
    ;;
  calls)
    command -v strace > /dev/null || fail 'strace is not here'
    for tool in ${FAULTY:-"${tools[@]}"}; do
      say "$tool"
      for call in "${calls[@]}"; do
        for fault in signal=SIGKILL error=ENOSPC error=EIO error=EINTR; do every_call "$tool" "$call" "$fault"; done
      done
    done
    ;;
  *) fail "expected kills or calls, found $mode" ;;
esac

printf 'faults: %-10s %8s %8s\n' '' killed 'too late' >&2
for tool in "${!hit[@]}"; do printf 'faults: %-10s %8d %8d\n' "$tool" "${hit[$tool]}" "${missed[$tool]}"; done | sort >&2
say "$kills ended, nothing lost (seed $seed)"
rm -rf "$work/run" "$work/recipe"
