#!/usr/bin/env bash
# Feeds the readers of all files with mutated ones, under libFuzzer and the address sanitizer.
#   Tests/Fuzzing/fuzz.sh SECONDS [TARGET…]
# The seconds are shared by the targets, one after another. What was learnt stays in .build/fuzz/corpus for the next time;
# inputs that break a reader are kept in .build/fuzz/found/TARGET. One of them is tried again by
#   NLFT_FUZZ_TARGET=TARGET .build/fuzz/release/fuzz FILE
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
seconds=${1:?how many seconds}
shift

top=.build/fuzz
mkdir -p $top
if ! NLFT_FUZZING=1 "${SWIFT:-swift}" build -c release --scratch-path $top --product fuzz \
  --sanitize=fuzzer -Xswiftc -sanitize=fuzzer,address > $top/build.log 2>&1; then
  cat $top/build.log >&2
  exit 1
fi

# Where the inputs that are files lie for a moment: in memory, if there is such a place.
TMPDIR=$(mktemp -d "$([[ -w /dev/shm ]] && echo /dev/shm || echo "${TMPDIR:-/tmp}")/nlft-fuzz-XXXXXX")
trap 'rm -rf "$TMPDIR"' EXIT
export TMPDIR
# Swift's backtraces take long and say nothing that the sanitizer does not.
export SWIFT_BACKTRACE=enable=no
export ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=16

rm -rf $top/seeds
mkdir -p $top/seeds
if ! targets=$(NLFT_FUZZ_SEEDS=$top/seeds $top/release/fuzz 2> $top/seeds.log); then
  cat $top/seeds.log >&2
  exit 1
fi
if (($#)); then targets=$(grep -E "^($(IFS='|'; echo "$*")) " <<< "$targets"); fi
share=$((seconds / $(wc -l <<< "$targets")))
((share > 0)) || share=1

failed=0
printf '%-14s %12s %9s  %s\n' target inputs seconds found
while read -r target longest; do
  corpus=$top/corpus/$target found=$top/found/$target log=$top/$target.log
  mkdir -p "$corpus" "$found"
  start=$SECONDS
  # An input may take 25 seconds, which is very slow, and a gigabyte in all; one allocation a seventh of that.
  status=0
  NLFT_FUZZ_TARGET=$target $top/release/fuzz -max_total_time="$share" -max_len="$longest" -timeout=25 \
    -rss_limit_mb=1024 -malloc_limit_mb=144 -artifact_prefix="$found/" -print_final_stats=1 -verbosity=0 \
    "$corpus" "$top/seeds/$target" < /dev/null > "$log" 2>&1 || status=$?
  inputs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  verdict=nothing
  if ((status != 0)); then
    failed=1
    file=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
    verdict="${file:-status $status} ($(grep -m 1 -E 'Fatal error|ERROR: ' "$log" | cut -c 1-150 || true))"
  fi
  printf '%-14s %12s %9s  %s\n' "$target" "${inputs:-?}" "$((SECONDS - start))" "$verdict"
done <<< "$targets"
((failed == 0)) || echo "the logs are in $top" >&2
exit $failed
