# The tools that check.sh ends: how each is run, what it starts from, and what may be left of it.
# check.sh ends at the first command that fails, and has the other variables.
# shellcheck shell=bash disable=SC2034,SC2154,SC2164

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

# A run that nobody kills: one record fails everywhere, and --keep-going passes over it.
complete() {
  : > out.jsonl
  complete_behind "$@"
}

# The same, behind what is in the output.
complete_behind() {
  local status=0
  "$@" >> out.jsonl 2> err || status=$?
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
      if [[ $2 == no ]] || ! cmp -s "$file" "$old/$file"; then fail "$tool: $file is neither the old one nor the new one"; fi
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
  stray=$(find . -name '*.tmp' -o -name '*.old' -o -name '*.part' -o -name '*.started')
  [[ -z $stray ]] || fail "$1: left behind: $stray"
}
