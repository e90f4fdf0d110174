# The recipe that check.sh ends.
# check.sh ends at the first command that fails, and has the other variables.
# shellcheck shell=bash disable=SC2034,SC2154,SC2164

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
      *.tmp | *.log | *.part | *.part.started | *.seconds/* | *.stage/* | .lock | RESULTS.txt | */.*.tmp/*) continue ;;
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
  if ((status == 0)) || [[ $message != *'make is at work here already'* ]]; then fail "a second make was not refused: $message"; fi
  wait "$first" || fail 'the first make failed'
  check_recipe
  rm -rf "$folder"
}
