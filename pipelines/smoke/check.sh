#!/usr/bin/env bash
# The whole loop on a tiny model, twice over, and what Make promises about it. Run through `make smoke`; from the top of the
# repository, arguments are passed on to Make.
set -euo pipefail

recipe=(make --no-print-directory -f pipelines/smoke/Makefile "$@")
work=pipelines/smoke/work/run
log=pipelines/smoke/work/smoke.log
settings=()

fail() {
  printf 'smoke: %s\n' "$*" >&2
  printf 'smoke: the last lines of %s:\n' "$log" >&2
  tail -n 20 "$log" >&2
  exit 1
}

# run ARGUMENT…: Make with the settings of the moment; nothing of an outer Make leaks in.
run() { env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKEOVERRIDES "${recipe[@]}" "${settings[@]}" "$@" >> "$log" 2>&1; }

# lines FILE COUNT: the records are all there, each an object.
lines() {
  [[ -s $1 ]] || fail "$1 is missing or empty"
  local found objects
  found=$(wc -l < "$1")
  objects=$(grep -c '^{.*}$' "$1") || true
  if ((found != $2 || objects != $2)); then fail "$1 has $found lines and $objects records, expected $2"; fi
}

exists() { [[ -s $1 ]] || fail "$1 is missing or empty"; }

is_fresh() { run -q "$work/RESULTS.txt" || fail "something would run again, expected nothing"; }

is_stale() { if run -q "$@" "$work/RESULTS.txt"; then fail "nothing would run, expected a change ($*)"; fi; }

# Every byte that the loop computes; times, and the settings of Make itself, may differ.
sums() {
  (cd "$work" && find . -type f ! -name '*.log' ! -name .lock ! -name '*.html' ! -name RESULTS.txt ! -name steps.jsonl ! -path '*/.s*' -exec cksum {} + | LC_ALL=C sort -k 3)
}

unchanged() {
  local file
  for file; do if [[ $file -nt $marker ]]; then fail "$file was written again, expected it to stay"; fi; done
}

rewritten() {
  local file
  for file; do if [[ ! $file -nt $marker ]]; then fail "$file was not written again"; fi; done
}

note() { printf 'smoke: %s\n' "$*" >&2; }

rm -rf "$work"
mkdir -p "$work"
: > "$log"

note 'two rounds, one stage after another'
run model || fail 'the tiny model was not made'
run || fail 'the loop failed'
lines "$work/train.jsonl" 8
lines "$work/test.jsonl" 4
for round in 0 1 2; do
  folder=$work/round-$round
  lines "$folder/test/sampled.jsonl" 4
  lines "$folder/test/graded.jsonl" 4
  exists "$folder/test/summary.json"
  if ((round == 0)); then continue; fi
  for stage in sampled graded judged weighted; do lines "$folder/$stage.jsonl" 16; done
  for file in summary.json scores.safetensors.zst loss.safetensors.zst steps.jsonl adapter/adapter_config.json \
    adapter/adapter_model.safetensors adapter/training_state.json adapter/optimizer.safetensors.zst; do
    exists "$folder/$file"
  done
done
for round in 0 1 2; do
  grep -Eq "^ *$round +4 +[0-9.]+ " "$work/RESULTS.txt" || fail "no line for round $round in $work/RESULTS.txt"
done
first=$(sums)

# number FILE KEY: a number of an indented JSON object, the first of its name.
number() { sed -n "s/^ *\"$2\": *\([-0-9.e]*\),\{0,1\}$/\1/p" "$1" | head -n 1; }

# on_page TEXT…: the report has all of it.
on_page() {
  local text
  for text; do
    grep -Fq -- "$text" "$work/report.html" || fail "$work/report.html has no \"$text\""
  done
}

note 'the run as a page'
run report || fail 'the report failed'
exists "$work/report.html"
for section in accuracy training weights answers costs settings commands; do on_page "<section id=\"$section\""; done
for round in 0 1 2; do
  summary=$work/round-$round/test/summary.json
  percent=$(awk -v share="$(number "$summary" accuracy)" 'BEGIN { printf "%.1f", 100 * share }')
  on_page "<th scope=\"row\">$round</th><td class=\"number\">$(number "$summary" correct) of $(number "$summary" n)</td><td class=\"number\"><b>$percent</b>"
done
for round in 1 2; do
  exists "$work/round-$round/map.html"
  on_page "<a href=\"round-$round/map.html\">" "round-$round/steps.log" "$(number "$work/round-$round/adapter/training_state.json" peak)" \
    "$(sed -n 's/^ *"adapter": "\(.*\)"$/\1/p' "$work/round-$round/adapter/training_state.json")"
done
# Every step's loss and rate, as the metrics have them.
while read -r step loss rate; do
  awk -v row="<th scope=\"row\">$step</th>" -v loss="<td class=\"number\">$loss</td>" -v rate="<td class=\"number\">$rate</td>" \
    'index($0, row) && index($0, loss) && index($0, rate) { found = 1 } END { exit !found }' "$work/report.html" \
    || fail "$work/report.html has no step $step with loss $loss and rate $rate"
done < <(sed -E 's/.*"step":([0-9]+),.*"loss":([-0-9.e]+),.*"learning_rate":([-0-9.e]+),.*/\1 \2 \3/' "$work"/round-[12]/steps.jsonl \
  | awk '{ printf "%d %.4g %.4g\n", $1, $2, $3 }')
# Every stage told how much memory it took.
for stage in sampled graded judged weighted steps; do
  [[ $(cat "$work/round-1/.stage/$stage.memory") =~ ^[1-9][0-9]{6,}$ ]] || fail "no peak memory of round 1's $stage"
  exists "$work/round-1/.stage/$stage.command"
done
if grep -q '://' "$work/report.html"; then fail "$work/report.html names an address, expected a page that needs nothing"; fi
if command -v gnuplot > /dev/null; then
  on_page '<svg '
else
  note 'gnuplot is not installed: the plots of the report are not looked at'
  on_page 'There are no plots on this page'
fi
: > "$work/.older"
sleep 0.1
run report || fail 'the second report failed'
if [[ $work/report.html -nt $work/.older ]]; then fail 'the report was written again, expected nothing to do'; fi
rm "$work/.older"

note 'a second make does nothing'
is_fresh
run || fail 'the second run failed'
tail -n 40 "$log" | grep -q '^Nothing to do' || fail 'the second run did not say that it had nothing to do'
[[ $(sums) == "$first" ]] || fail 'the second run changed something'

note 'a changed setting runs what follows from it, and nothing else'
is_stale EPOCHS=2
is_fresh
marker=pipelines/smoke/work/marker
: > "$marker"
sleep 0.1
settings=(EPOCHS=2)
run || fail 'the run with EPOCHS=2 failed'
is_fresh
unchanged "$work"/{train,test}.jsonl "$work"/round-0/test/* "$work"/round-1/{sampled,graded,judged,weighted}.jsonl \
  "$work"/round-1/*.zst "$work"/round-1/summary.json
rewritten "$work"/round-1/steps.jsonl "$work"/round-1/adapter/* "$work"/round-1/test/sampled.jsonl \
  "$work"/round-2/{sampled,graded,judged,weighted,steps}.jsonl "$work"/round-2/adapter/* "$work"/round-2/test/sampled.jsonl
settings=()
is_stale

note 'two jobs at once write the same bytes'
rm -rf "$work"
run -j2 "$work/round-2/judged.jsonl" "$work/round-1/test/summary.json" || fail 'make -j2 of two files failed'
run -j2 || fail 'make -j2 failed'
second=$(sums)
if [[ $second != "$first" ]]; then
  fail "make -j2 wrote other bytes: $(diff <(printf '%s\n' "$first") <(printf '%s\n' "$second") | tr '\n' ' ')"
fi

note 'one pipe gives the same adapter'
run pipe || fail 'the pipe failed'
cmp "$work"/{pipe,round-1}/adapter/adapter_model.safetensors || fail "the pipe's adapter differs from round 1's"

# other RECIPE SETTING…: another recipe, on the tiny model.
other() {
  local makefile=pipelines/$1/Makefile
  shift
  env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKEOVERRIDES make --no-print-directory -f "$makefile" THREADS=1 RANK=4 ALPHA=4 \
    MODEL=pipelines/smoke/work/model "${arguments[@]}" "$@" >> "$log" 2>&1
}
arguments=("$@")

note 'the grid of the ablation, cut short and gone on with'
grid=pipelines/smoke/work/ablation
rm -rf "$grid"
cells=(SET=stories RUN="$grid" ARMS='distill nlft' SIZES=2 SEEDS='1 2' POOL=3 SAMPLES=2 STEPS=2 TEST=4 MAX_TOKENS=8 SAMPLE_BATCH=4 ASK=base)
other ablation "${cells[@]}" "$grid/stories/seed-1/2/nlft/summary.json" || fail 'one cell of the grid failed'
lines "$grid/stories/seed-1/judged.jsonl" 6
lines "$grid/stories/seed-1/2/nlft/weighted.jsonl" 4
: > "$marker"
sleep 0.1
other ablation "${cells[@]}" grid || fail 'the grid failed'
unchanged "$grid"/stories/seed-1/judged.jsonl "$grid"/stories/seed-1/2/nlft/{weighted.jsonl,steps.jsonl,summary.json}
for cell in base seed-1/2/distill seed-1/2/nlft seed-2/2/distill seed-2/2/nlft; do lines "$grid/stories/$cell/graded.jsonl" 4; done
other ablation "${cells[@]}" "$grid/report" || fail 'the report was not built'
"$grid/report" "$grid" "$grid" >> "$log" 2>&1 || fail 'the report failed'
grep -Eq '^\| nlft \| [0-9.]+ ± [0-9.]+ \|$' "$grid/RESULTS.md" || fail "no accuracy of nlft in $grid/RESULTS.md"
other ablation "${cells[@]}" report || fail "the grid's page failed"
grep -q '<th scope="row">nlft</th>' "$grid/stories/report.html" || fail "no accuracy of nlft in $grid/stories/report.html"

note "the paper's setting, on records of its authors' form and on problems"
paper=pipelines/smoke/work/gsm8k
rm -rf "$paper"
mkdir -p "$paper"
cat > "$paper/records.json" << 'RECORDS'
[{"id": 1, "instruction": "Solve it.", "input": "What is 2 + 3?", "output": "2 + 3 = 5\n#### 5", "judgment": null, "answer": "2 + 3 = 5\n#### 5"},
 {"id": 2, "instruction": "Solve it.", "input": "What is 4 + 3?", "output": "4 + 3 = 6\n#### 6", "judgment": "The sum is 7.", "answer": "4 + 3 = 7\n#### 7"}]
RECORDS
small=(TEST_FILE=pipelines/demo/test.jsonl TEST=2 EPOCHS=2 MAX_TOKENS=8)
other gsm8k "${small[@]}" RECORDS="$paper/records.json" WORK="$paper/authors" || fail "the authors' records were not learnt"
lines "$paper/authors/steps.jsonl" 2
grep -q 'method nlft-reference' "$paper/authors/adapter/training_state.json" || fail 'the adapter does not name its method'
other gsm8k "${small[@]}" RECORDS=pipelines/demo/train.jsonl EXAMPLES=4 WORK="$paper/problems" || fail 'the problems were not learnt'
exists "$paper/problems/tuned/summary.json"
other gsm8k "${small[@]}" RECORDS=pipelines/demo/train.jsonl EXAMPLES=4 WORK="$paper/problems" report || fail 'its page failed'
grep -q '<th scope="row">after</th>' "$paper/problems/report.html" || fail "no accuracy in $paper/problems/report.html"

note 'passed'
