#!/usr/bin/env bash
# Prints the table of a recipe's run: accuracy on the test problems after each round, and where the time went.
#
#     pipelines/results.sh WORK ROUNDS
set -euo pipefail
export LC_ALL=C

work=$1 rounds=$2

# value KEY FILE: a number of an indented JSON object, or nothing; OBJECT.KEY is one level down.
value() {
  awk -v key="$1" '
    /^ *"[^"]*": *[{]$/ { object = $0; gsub(/[ ":{]/, "", object); object = object "."; next }
    /^ *[}]/ { object = ""; next }
    match($0, /^ *"[^"]*": */) {
      name = substr($0, 1, RLENGTH); gsub(/[ ":]/, "", name)
      if (object name != key) next
      found = substr($0, RLENGTH + 1); sub(/,$/, "", found)
      if (found != "null") print found
      exit
    }' "$2"
}

# percent VALUE FORMAT: a share as a percentage, or a dash.
percent() {
  if [[ -n $1 ]]; then awk -v share="$1" -v format="$2" 'BEGIN { printf format, 100 * share }'; else printf -- '-'; fi
}

# seconds FILE…: their sum, or a dash where none is there.
seconds() {
  local files=() file
  for file in "$@"; do if [[ -f $file ]]; then files+=("$file"); fi; done
  if ((${#files[@]} == 0)); then
    printf -- '-'
  else
    awk '{ sum += $1 } END { printf "%.1f", sum }' "${files[@]}"
  fi
}

row='%5s %6s %10s %6s %9s %6s %15s\n'
printf 'Accuracy on the test problems, in %%, and of the samples that a round learned from\n\n'
# shellcheck disable=SC2059
printf "$row" round n accuracy s.e. change s.e. 'samples right'
for ((round = 0; round <= rounds; round++)); do
  summary=$work/round-$round/test/summary.json
  samples=''
  if ((round > 0)); then samples=$(value accuracy "$work/round-$round/summary.json"); fi
  # shellcheck disable=SC2059
  printf "$row" "$round" "$(value n "$summary")" "$(percent "$(value accuracy "$summary")" '%.1f')" \
    "$(percent "$(value standard_error "$summary")" '%.1f')" "$(percent "$(value comparison.difference "$summary")" '%+.1f')" \
    "$(percent "$(value comparison.standard_error "$summary")" '%.1f')" "$(percent "$samples" '%.1f')"
done

row='%5s %8s %8s %8s %9s %8s %8s %8s\n'
printf '\nRound 0 is the untouched model. Changes are against it, problem by problem, and so are their standard errors.\n'
printf '\nWall seconds\n\n'
# shellcheck disable=SC2059
printf "$row" round sample grade judge saliency step test total
all=("$work/.seconds"/*)
for ((round = 0; round <= rounds; round++)); do
  folder=$work/round-$round/.seconds
  cells=()
  for stage in sampled graded judged weighted steps; do cells+=("$(seconds "$folder/$stage")"); done
  # shellcheck disable=SC2059
  printf "$row" "$round" "${cells[@]}" "$(seconds "$work/round-$round/test/.seconds"/*)" \
    "$(seconds "$folder"/* "$work/round-$round/test/.seconds"/*)"
  all+=("$folder"/* "$work/round-$round/test/.seconds"/*)
done
printf '\nAll stages together: %s s.\n' "$(seconds "${all[@]}")"
