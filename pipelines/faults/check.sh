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
export PATH=$(cd "${BIN:-.build/release}" && pwd):$PATH
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

# ---- The tools. describe TOOL [VARIANT]: sets `command` and the names of `whole` files, old or new, besides stdout.

describe() {
  local variant=${2:-new}
  local common=(--threads 1 --quiet) rejecting=(--keep-going --rejects rejects.jsonl)
  case $1 in
    tokenize)
      command=(nlft-tokenize "${common[@]}" "${rejecting[@]}" --model "$model" in.jsonl)
      whole=(rejects.jsonl rejects.jsonl.reasons)
      ;;
    sample)
      command=(nlft-sample "${common[@]}" "${rejecting[@]}" --model "$model" --max-tokens 12 --samples 2 --temperature 0.8
        --batch 4 --seed 3 in.jsonl)
      whole=(rejects.jsonl rejects.jsonl.reasons)
      ;;
    grade)
      command=(nlft-grade "${common[@]}" "${rejecting[@]}" --summary summary.json in.jsonl)
      whole=(rejects.jsonl rejects.jsonl.reasons summary.json)
      if [[ $variant == old ]]; then command+=(--extract flexible); fi
      ;;
    judge)
      command=(nlft-judge "${common[@]}" "${rejecting[@]}" --model "$model" --critic answer --batch 4
        --archive scores.safetensors.zst in.jsonl)
      whole=(rejects.jsonl rejects.jsonl.reasons)
      if [[ $variant == old ]]; then command+=(--hidden none); fi
      ;;
    saliency)
      command=(nlft-saliency "${common[@]}" "${rejecting[@]}" --archive loss.safetensors.zst in.jsonl)
      whole=(rejects.jsonl rejects.jsonl.reasons)
      if [[ $variant == old ]]; then command+=(--method distill); fi
      ;;
    step)
      command=(nlft-step "${common[@]}" "${rejecting[@]}" --model "$model" --batch 4 --epochs 2 --learning-rate 1e-3
        --save-every "$step_every" --output adapter in.jsonl)
      whole=(rejects.jsonl rejects.jsonl.reasons)
      if [[ $variant == old ]]; then command+=(--learning-rate 1e-2); fi
      ;;
    export)
      command=(nlft-export "${common[@]}" --model "$model" --adapter in-adapter --merge merged --gguf adapter.gguf)
      whole=(adapter.gguf)
      if [[ $variant == old ]]; then command+=(--type f16); fi
      ;;
  esac
}

# The status of a run that nobody kills: one record fails everywhere, and one record is kept back by --keep-going.
complete() {
  local status=0
  "$@" > out.jsonl 2> err || status=$?
  if ((status != 0)); then
    cat err >&2
    fail "$* ended with $status"
  fi
}

prepare() {
  local tool before=''
  rm -rf "$work"
  mkdir -p "$work"/{ref,old,run}
  for tool in "${tools[@]}"; do
    mkdir -p "$work/input/$tool"
    cd "$work/input/$tool"
    case $tool in
      tokenize) { head -n 12 "$top/pipelines/demo/train.jsonl" && printf '{"id":"bad"}\n' && sed -n 13,24p "$top/pipelines/demo/train.jsonl"; } > in.jsonl ;;
      saliency) cp "$work/ref/judge/scores.safetensors.zst" . ;;
      step) cp "$work/ref/saliency/loss.safetensors.zst" . ;;
      export) cp -r "$work/ref/step/adapter" in-adapter ;;
    esac
    if [[ -n $before && $tool != export ]]; then
      { head -n 7 "$work/ref/$before/out.jsonl" && printf '{"id":"bad"}\n' && tail -n +8 "$work/ref/$before/out.jsonl"; } > in.jsonl
    fi
    before=$tool
    for variant in old new; do
      local folder=$work/old/$tool
      if [[ $variant == new ]]; then folder=$work/ref/$tool; fi
      cp -r "$work/input/$tool" "$folder"
      cd "$folder"
      describe "$tool" "$variant"
      complete "${command[@]}"
    done
    # What stood there before is no prefix of the new.
    if [[ -e $work/old/$tool/rejects.jsonl ]]; then printf 'old\n' | tee "$work/old/$tool/rejects.jsonl" > "$work/old/$tool/rejects.jsonl.reasons"; fi
  done
  # The adapter as each save leaves it.
  cd "$work/old/step"
  describe step
  saves=''
  local steps
  steps=$(wc -l < "$work/ref/step/out.jsonl")
  for ((step = step_every; step < steps; step += step_every)); do
    "${command[@]}" --steps "$step" --output part > /dev/null 2>&1 || fail "nlft-step --steps $step failed"
    saves+=" $(tree part)"
    rm -rf part
  done
  frames scores judge
  frames loss saliency
  cd "$top"
}

# frames FIELD TOOL: where the frame of each line of the tool's output ends.
frames() {
  printf '0\n' > "$work/ref/$2.ends"
  sed -E 's/.*"'"$1"'":\{"archive":"[^"]*","offset":([0-9]+),"bytes":([0-9]+).*/\1 \2/' "$work/ref/$2/out.jsonl" \
    | awk '{ print $1 + $2 }' >> "$work/ref/$2.ends"
}

# tree DIRECTORY: one word for all that is in it.
tree() { (cd "$1" && find . -type f | sort | xargs cksum | cksum | tr ' ' -); }

# ---- What is left

is_beginning() { # FILE WHOLE
  local size
  size=$(stat -c %s "$1")
  ((size <= $(stat -c %s "$2"))) && cmp -s -n "$size" "$1" "$2"
}

# The state after a kill; $1 tool, $2 whether the old files were there
check_left() {
  local tool=$1 ref=$work/ref/$1 old=$work/old/$1 file
  if [[ -e out.jsonl && $tool != step && $tool != export ]]; then
    is_beginning out.jsonl "$ref/out.jsonl" || fail "$tool: stdout is no beginning of what it should be"
  fi
  for file in "${whole[@]}"; do
    if [[ ! -e $file ]]; then
      [[ $2 == no ]] || fail "$tool: $file is gone"
    elif ! cmp -s "$file" "$ref/$file"; then
      [[ $2 == yes ]] && cmp -s "$file" "$old/$file" || fail "$tool: $file is neither the old one nor the new one"
    fi
  done
  case $tool in
    judge) check_archive scores.safetensors.zst "$@" ;;
    saliency) check_archive loss.safetensors.zst "$@" ;;
    step) check_tree adapter "$2" "$(tree "$ref/adapter")$saves" "$old/adapter" ;;
    export) check_tree merged no "$(tree "$ref/merged")" "$old/merged" ;;
  esac
}

check_archive() { # FILE TOOL OLD
  local lines size ends
  if [[ ! -e $1 ]]; then
    if [[ -s out.jsonl || $3 == yes ]]; then fail "$2: $1 is gone"; fi
    return
  fi
  lines=$(wc -l < out.jsonl)
  if [[ $3 == yes && $lines == 0 ]] && cmp -s "$1" "$work/old/$2/$1"; then return; fi
  size=$(stat -c %s "$1")
  is_beginning "$1" "$work/ref/$2/$1" || fail "$2: $1 is no beginning of what it should be"
  mapfile -t ends < "$work/ref/$2.ends"
  if ((size < ends[lines])); then fail "$2: $1 has $size bytes, but $lines lines name ${ends[lines]}"; fi
  if ((size > ${ends[lines + 1]:-${ends[-1]}})); then fail "$2: $1 has more than one frame behind the last that is named"; fi
}

check_tree() { # DIRECTORY OLD "SUM…" OLD_DIRECTORY
  local found
  if [[ ! -e $1 ]]; then
    [[ $2 == no ]] || fail "$1 is gone"
    return
  fi
  found=$(tree "$1")
  if [[ " $3 " == *" $found "* ]]; then return; fi
  [[ $2 == yes && $found == $(tree "$4") ]] || fail "$1 is neither the old one nor a new one"
}

check_nothing_temporary() {
  local stray
  stray=$(find . -name '*.tmp' -o -name '*.old')
  [[ -z $stray ]] || fail "$1: left behind: $stray"
}

# ---- Going on

go_on() {
  local tool=$1 ref=$work/ref/$1 file going=()
  describe "$tool"
  case $tool in
    step)
      if [[ -e adapter && " $saves " == *" $(tree adapter) "* ]]; then going=(--adapter adapter); fi
      ;;
    export) rm -rf merged ;;
    # nlft-sample and nlft-judge can go on where they were, with --resume: here is the place for it.
    *) ;;
  esac
  complete "${command[@]}" "${going[@]}"
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
  local tool=$1 status=0
  start "$tool"
  draw_signal
  draw_moment "${duration[$tool]}"
  last="$tool by SIG$signal after $(seconds "$moment") of $(seconds "${duration[$tool]}") s"
  { timeout --preserve-status -s "$signal" "$(seconds "$moment")" "${command[@]}" > out.jsonl 2> err || status=$?; } 2> /dev/null
  kills=$((kills + 1))
  case $status in
    $((128 + $(kill -l "$signal")))) hit[$tool]=$((hit[$tool] + 1)) ;;
    0) missed[$tool]=$((missed[$tool] + 1)) ;;
    *)
      cat err >&2
      fail "$tool ended with $status"
      ;;
  esac
  check_left "$tool" "$had_old"
  if [[ $signal != KILL ]]; then check_nothing_temporary "$tool"; fi
  go_on "$tool"
}

# ---- A recipe. It is killed several times on its way to the end.

recipe=(make --no-print-directory -f pipelines/smoke/Makefile ROUNDS=1 EXAMPLES=4 TEST=2 MAX_TOKENS=6)

recipe() { env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKEOVERRIDES -u NLFT_LOCKED "$@"; }

prepare_recipe() {
  cd "$top"
  folder=$work/recipe
  local start
  start=$(now)
  recipe "${recipe[@]}" WORK="$folder" > "$work/recipe.log" 2>&1 || fail "the recipe failed: $work/recipe.log"
  duration[make]=$(($(now) - start))
  hit[make]=0 missed[make]=0
  rm -rf "$work/ref/recipe"
  mv "$folder" "$work/ref/recipe"
}

# Each file of the recipe that is there is whole; an archive may be a beginning if nothing names it yet.
check_recipe() {
  local file ref names
  while IFS= read -r file; do
    ref=$work/ref/recipe/$file
    case $file in
      *.tmp | *.log | *.seconds/* | .lock | RESULTS.txt | */.*.tmp/*) continue ;;
      *.safetensors.zst)
        names=$(dirname "$file")/judged.jsonl
        case $file in */loss.safetensors.zst) names=$(dirname "$file")/weighted.jsonl ;; */optimizer*) names=$file ;; esac
        if [[ -e $folder/$names ]]; then
          cmp -s "$folder/$file" "$ref" || fail "make: $file is not what it should be"
        else
          is_beginning "$folder/$file" "$ref" || fail "make: $file is no beginning of what it should be"
        fi
        ;;
      *steps.jsonl)
        cmp -s <(sed -E 's/"seconds":[0-9.e-]+//' "$folder/$file") <(sed -E 's/"seconds":[0-9.e-]+//' "$ref") \
          || fail "make: $file is not what it should be"
        ;;
      *) cmp -s "$folder/$file" "$ref" || fail "make: $file is not what it should be" ;;
    esac
  done < <(cd "$folder" && find . -type f | sed 's|^\./||')
}

kill_make() {
  folder=$work/recipe
  local status=0 alone=() names=() said
  cd "$top"
  draw_signal
  # What an earlier round left takes less.
  if [[ -d $folder ]]; then draw_moment $((duration[make] / 2)); else draw_moment "${duration[make]}"; fi
  # Alone, or with all that it started.
  if ((RANDOM % 2)); then alone=(--foreground); fi
  last="make ${alone[*]} by SIG$signal after $(seconds "$moment") of $(seconds "${duration[make]}") s"
  { recipe timeout "${alone[@]}" --preserve-status -s "$signal" "$(seconds "$moment")" \
    "${recipe[@]}" WORK="$folder" >> "$work/recipe.log" 2>&1 || status=$?; } 2> /dev/null
  kills=$((kills + 1))
  if ((status == 0)); then missed[make]=$((missed[make] + 1)); else hit[make]=$((hit[make] + 1)); fi
  # What outlives make holds the lock.
  if [[ -e $folder/.lock ]]; then
    timeout 60 flock "$folder/.lock" true || fail 'make: a stage went on although make was ended'
  fi
  if [[ ! -d $folder ]]; then return; fi
  check_recipe
  if ((status != 0 && RANDOM % 4 != 0)); then return; fi
  recipe "${recipe[@]}" WORK="$folder" >> "$work/recipe.log" 2>&1 || fail "make failed when it went on: $work/recipe.log"
  check_recipe
  mapfile -t names < <(cd "$work/ref/recipe" && find . -type f ! -name '*.log' | sort)
  for name in "${names[@]}"; do [[ -e $folder/$name ]] || fail "make: $name is not there after going on"; done
  (cd "$folder" && check_nothing_temporary make)
  said=$(recipe "${recipe[@]}" WORK="$folder" 2>&1)
  [[ $said == *'Nothing to do'* ]] || fail "make: there is more to do after going on: $said"
  rm -rf "$folder"
}

check_lock() {
  folder=$work/recipe
  local first message status=0
  cd "$top"
  rm -rf "$folder"
  recipe "${recipe[@]}" WORK="$folder" > "$work/recipe.log" 2>&1 &
  first=$!
  until [[ -s $folder/.lock ]]; do sleep 0.01; done
  message=$(recipe "${recipe[@]}" WORK="$folder" 2>&1) || status=$?
  ((status != 0)) && [[ $message == *'make is at work here already'* ]] || fail "a second make was not refused: $message"
  wait "$first" || fail 'the first make failed'
  check_recipe
  rm -rf "$folder"
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
