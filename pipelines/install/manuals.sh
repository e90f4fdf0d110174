#!/usr/bin/env bash
# Makes man pages and completions of the tools that are built, into .build/manuals. Run through `make manuals`.
#
#     pipelines/install/manuals.sh TOOL…
set -euo pipefail

here=pipelines/install
made=.build/manuals
log=.build/manuals.log

fail() {
  printf 'manuals: %s\n' "$*" >&2
  exit 1
}

# What was made of the same tools by the same scripts is made already.
sum=$(cat "$here"/* "${@/#/.build/release/}" | cksum)
if [[ -f $made/.sum && $(< "$made/.sum") == "$sum" ]]; then exit 0; fi

# The day of the sources, so that the same sources give the same pages.
if [[ -n ${SOURCE_DATE_EPOCH-} ]]; then
  day=$(date -u -d "@$SOURCE_DATE_EPOCH" +%F 2> /dev/null || date -u -r "$SOURCE_DATE_EPOCH" +%F)
else
  day=$(git log -1 --format=%cs -- Sources 2> /dev/null || true)
  [[ -n $day ]] || day=$(date -u +%F)
fi

# Without --help the plugin compiles the whole package first, even where it is built. With it, only its generator is built,
# which is then run by itself. SwiftPM's sandbox cannot be had in every container.
"${SWIFT:-swift}" package --disable-sandbox generate-manual --help < /dev/null > "$log" 2>&1 || {
  tail -n 20 "$log" >&2
  fail "swift package generate-manual failed; all that it said is in $log"
}
generator=
for candidate in .build/debug/generate-manual-tool .build/debug/generate-manual; do
  if [[ -f $candidate && -x $candidate ]]; then generator=$candidate; fi
done
[[ -n $generator ]] || fail "swift package generate-manual left no .build/debug/generate-manual-tool"

# mdoc wants them in this order.
others=$(printf '%s\n' "$@" | LC_ALL=C sort | tr '\n' ' ')
next=$made.next
rm -rf "$next"
mkdir -p "$next/man" "$next/bash" "$next/zsh" "$next/fish"
for tool; do
  program=.build/release/$tool
  "$generator" "$program" --date "$day" --output-directory "$next"
  COLUMNS=20000 "$program" --help \
    | LC_ALL=C awk -v tools="$others" -v version="$("$program" --version)" -f "$here/manual.awk" - "$next/$tool.1" \
      > "$next/man/$tool.1"
  rm "$next/$tool.1"
  "$program" --generate-completion-script bash | sed -f "$here/completion.sed" > "$next/bash/$tool"
  "$program" --generate-completion-script zsh | sed -f "$here/completion.sed" > "$next/zsh/_$tool"
  "$program" --generate-completion-script fish | sed -f "$here/completion.sed" > "$next/fish/$tool.fish"
done
printf '%s\n' "$sum" > "$next/.sum"
rm -rf "$made"
mv "$next" "$made"
