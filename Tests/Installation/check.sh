#!/usr/bin/env bash
# Installs the tools into a temporary folder and tries what is there: tools, man pages, completions, and that
# uninstalling leaves nothing. Run through `make test-install`, which builds first.
#
#     Tests/Installation/check.sh TOOL…
set -euo pipefail

top=$PWD
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
prefix=/opt/nlft
root=$folder/root$prefix

fail() {
  printf 'test-install: %s\n' "$*" >&2
  exit 1
}
skip() { printf 'test-install: SKIPPED: %s\n' "$*" >&2; }
install_tools() { pipelines/install/install.sh install "$root" "$prefix" "$@" > /dev/null; }
files() { (cd "$root" && find . -mindepth 1 | LC_ALL=C sort); }

(($# >= 7)) || fail "expected the tools' names, found $# of them"
mkdir -p "$root/share/man/man1"
printf 'not ours\n' > "$root/share/man/man1/other.1"
before=$(files)

# Twice: the second one replaces the first.
install_tools "$@"
once=$(files)
install_tools "$@"
[[ $(files) == "$once" ]] || fail "installing again left other files than installing once"
expected=$((5 * $# + 2))
found=$(find "$root" -type f | wc -l)
((found - 1 == expected)) || fail "$((found - 1)) files are installed, expected $expected"
cmp -s pipelines/prompts.json "$root/share/nlft/prompts.json" || fail "prompts.json is another one"

# lint PAGE CHECKER ARGUMENT…: a checker that says anything has found something.
lint() {
  local page=$1 said
  shift
  said=$("$@" "$page" 2>&1 > /dev/null) || fail "$* fails on $page: $said"
  [[ -z $said ]] || fail "$* on $page: $said"
}
mandoc_lint() { mandoc -T lint -W warning "$1" >&2; }
groff_lint() { groff -man -Tutf8 -ww -z "$1"; }
man_lint() { MANWIDTH=80 LC_ALL=C.UTF-8 man --warnings -l "$1"; }
checkers=()
for checker in mandoc groff man; do
  # man's options are those of man-db.
  if ! command -v "$checker" > /dev/null || { [[ $checker == man ]] && ! man --warnings --version > /dev/null 2>&1; }; then
    skip "man pages are not checked with $checker, which is not here"
  else
    checkers+=("${checker}_lint")
  fi
done

cd "$folder"
for tool; do
  program=$root/bin/$tool
  page=$root/share/man/man1/$tool.1
  "$program" --help > help.txt || fail "$tool --help fails"
  grep -q '^OVERVIEW: ' help.txt || fail "$tool --help has no overview"
  if grep -q -a -F "$top" "$program"; then fail "$tool names the folder that it was built in"; fi
  if grep -q '@PREFIX@' "$page"; then fail "$page has an open place"; fi
  for section in NAME SYNOPSIS DESCRIPTION 'EXIT STATUS' EXAMPLES 'SEE ALSO'; do
    grep -q "^\.Sh $section\$" "$page" || fail "$page has no $section"
  done
  # Every option of the synopsis is explained, and each example stands there as a line of its own.
  while read -r option; do
    grep -q -e "^\.It .*Fl .*$option\( \|\$\)" "$page" || fail "$page does not explain --$option"
  done < <(sed -n -e '/^\.Sh SYNOPSIS/,/^\.Sh DESCRIPTION/ s/^\.\(Op \)\{0,1\}Fl \\-\([^ ]*\).*/\2/p' "$page" \
    | sed 's/\\-/../g')
  sed -n '/^Examples:/,/^USAGE:/ s/^  //p' help.txt > examples.txt
  [[ -s examples.txt ]] || fail "$tool --help has no examples"
  sed -n '/^\.Sh EXAMPLES/,/^\.Ed/p' "$page" | grep -v '^\.[A-Z]' \
    | sed -e 's/\\e/\\/g' -e 's/\\-/-/g' -e "s/\\\\(aq/'/g" | cmp -s - examples.txt \
    || fail "$page has other examples than $tool --help"
  for checker in "${checkers[@]}"; do lint "$page" "$checker"; done
  bash -n "$root/share/bash-completion/completions/$tool" || fail "bash does not read the completions of $tool"
  for shell in zsh fish; do
    case $shell in zsh) script=$root/share/zsh/site-functions/_$tool ;; fish) script=$root/share/fish/vendor_completions.d/$tool.fish ;; esac
    [[ -s $script ]] || fail "$script is missing"
    if ! command -v "$shell" > /dev/null; then
      [[ $tool != "$1" ]] || skip "the completions for $shell are not checked: it is not here"
    else
      "$shell" -n "$script" || fail "$shell does not read $script"
    fi
  done
done

# What TAB offers. complete_in_SHELL WORD…: the last word is the one being completed.
mkdir folder
touch records.jsonl model.gguf
complete_in_bash() {
  # shellcheck disable=SC2016
  bash --norc -c '
    source "$0/share/bash-completion/completions/$1"
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*"
    COMP_POINT=${#COMP_LINE}
    "_$1" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    printf "%s\n" "${COMPREPLY[@]}"
  ' "$root" "$@" | LC_ALL=C sort | tr '\n' ' '
}
complete_in_fish() {
  local words=$*
  # shellcheck disable=SC2016
  fish --no-config -c 'source $argv[1]; complete --do-complete $argv[2]' \
    "$root/share/fish/vendor_completions.d/$1.fish" "$words" | cut -f 1 | sed 's|^\./||' | LC_ALL=C sort | tr '\n' ' '
}
# zsh completes only where it believes in a terminal: what it writes there, until it has answered.
complete_in_zsh() {
  # shellcheck disable=SC2016
  zsh -f -c '
    zmodload zsh/zpty
    zpty shell zsh -f -i
    zpty -w shell "PS1= LISTMAX=1000; fpath=($1 \$fpath); autoload -U compinit; compinit -u -D"
    zpty -w shell "zstyle \":completion:*\" list-colors \"\"; bindkey \"^I\" list-choices; print RE\"\"ADY"
    zpty -r -m shell line "*READY*"
    zpty -w -n shell "$2"$'"'\t'"'
    for attempt in {1..100}; do
      while zpty -r -t shell line; do said+=$line; done
      [[ $said == *$~3* || $said == *_arguments* ]] && break
      sleep 0.1
    done
    print -rn -- "$said"
    zpty -d shell
  ' zsh "$root/share/zsh/site-functions" "${*:2}" "$1" | tr -d '\r'
}
# offers SHELL 'EXPECTED ' WORD…
offers() {
  local shell=$1 expected=$2 found
  shift 2
  found=$("complete_in_$shell" "$@")
  [[ $found == "$expected" ]] || fail "$shell offers '$found' for '$*', expected '$expected'"
}
shells=(bash)
if command -v fish > /dev/null; then shells+=(fish); fi
for shell in "${shells[@]}"; do
  offers "$shell" '--model ' nlft-sample --mo
  offers "$shell" 'base standard ' nlft-sample --prompt ''
  offers "$shell" 'records.jsonl ' nlft-sample --model model.gguf rec
  offers "$shell" 'model.gguf ' nlft-export --model mod
  offers "$shell" 'bf16 f16 f32 ' nlft-export --type ''
  offers "$shell" 'answer none self ' nlft-judge --critic ''
done
offers bash 'folder ' nlft-step --output fol
if command -v zsh > /dev/null; then
  shells+=(zsh)
  found=$(complete_in_zsh '*base*standard*' nlft-sample --prompt '')
  [[ $found == *base*standard* && $found != *_arguments* ]] || fail "zsh offers '$found' for the values of --prompt"
fi

cd "$top"
pipelines/install/install.sh uninstall "$root"
[[ $(files) == "$before" ]] || fail "uninstalling left $(files | tr '\n' ' '), expected $(tr '\n' ' ' <<< "$before")"
printf 'test-install: %s tools, man pages (%s) and completions (%s)\n' "$#" "${checkers[*]%_lint}" "${shells[*]}"
