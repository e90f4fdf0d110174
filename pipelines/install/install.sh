#!/usr/bin/env bash
# Installs the tools that are built, or removes what was installed. Run through `make install` and `make uninstall`.
#
#     pipelines/install/install.sh install FOLDER PREFIX TOOL…    FOLDER is PREFIX, behind DESTDIR if there is one
#     pipelines/install/install.sh uninstall FOLDER
set -euo pipefail

made=.build/manuals
action=$1 folder=$2
list=$folder/share/nlft/installed

fail() {
  printf 'install: %s\n' "$*" >&2
  exit 1
}

[[ $folder == /* ]] || fail "PREFIX is $folder, expected an absolute path"

# The list holds what was put there, folders that were made for it included, each behind its parent.
uninstall() {
  local -a paths
  mapfile -t paths < "$list"
  local i path
  for ((i = ${#paths[@]} - 1; i >= 0; i--)); do
    path=${paths[i]}
    case $path in '' | /* | *..*) fail "$list: line $((i + 1)): $path is no path below the prefix" ;; esac
    if [[ $path == */ ]]; then
      # Others may have put something there since.
      rmdir "$folder/$path" 2> /dev/null || true
    else
      rm -f "$folder/$path"
    fi
  done
}

# folder_for PATH: makes the folders above a path that are not there.
folder_for() {
  local parent=${1%/*}
  [[ $1 == */* ]] || return 0
  [[ -d $folder/$parent ]] && return 0
  folder_for "$parent"
  mkdir "$folder/$parent"
  printf '%s/\n' "$parent" >> "$list.next"
}

# put MODE SOURCE PATH: copies a file; whoever has the old one open keeps it.
put() {
  folder_for "$3"
  install -m "$1" "$2" "$folder/$3"
  printf '%s\n' "$3" >> "$list.next"
}

if [[ $action == uninstall ]]; then
  [[ -f $list ]] || fail "nothing to remove: there is no $list"
  uninstall
  exit 0
fi

prefix=$3
shift 3
for tool; do
  [[ -x .build/release/$tool && -s $made/man/$tool.1 ]] || fail "$tool is not built yet: make manuals"
done
if ! mkdir -p "$folder" 2> /dev/null || [[ ! -w $folder ]]; then
  fail "$folder cannot be written to: make manuals, then sudo make install; or make install PREFIX=\"\$HOME/.local\""
fi

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
for tool; do
  cp ".build/release/$tool" "$stage/$tool"
  # Half of a program is names for debuggers.
  if command -v strip > /dev/null; then strip "$stage/$tool"; fi
  sed "s|@PREFIX@|${prefix//&/\\&}|" "$made/man/$tool.1" > "$stage/$tool.1"
done

# An older version may have had other files.
if [[ -f $list ]]; then uninstall; fi
fresh=()
for parent in share share/nlft; do [[ -d $folder/$parent ]] || fresh+=("$parent/"); done
mkdir -p "$folder/share/nlft"
printf '%s\n' "${fresh[@]}" share/nlft/installed | sed '/^$/d' > "$list.next"
put 644 pipelines/prompts.json share/nlft/prompts.json
for tool; do
  put 755 "$stage/$tool" "bin/$tool"
  put 644 "$stage/$tool.1" "share/man/man1/$tool.1"
  put 644 "$made/bash/$tool" "share/bash-completion/completions/$tool"
  put 644 "$made/zsh/_$tool" "share/zsh/site-functions/_$tool"
  put 644 "$made/fish/$tool.fish" "share/fish/vendor_completions.d/$tool.fish"
done
mv "$list.next" "$list"
printf 'installed %s in %s\n' "$*" "$folder"
