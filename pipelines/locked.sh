#!/usr/bin/env bash
# Runs a command that nobody else may run in the same work folder at the same time.
#
#     pipelines/locked.sh WORK COMMAND [ARGUMENT…]
#
# The lock is the open file WORK/.lock, which the command and all that it starts inherit. The system drops it when the last
# of them has ended, by whatever signal: nothing has to be tidied up, and a stage that outlives its Make still counts.
# Where there is no flock, there is no lock.
set -euo pipefail

work=$1
shift
mkdir -p "$work"
if ! command -v flock > /dev/null; then exec "$@"; fi
exec 9>> "$work/.lock"
if ! flock -n 9; then
  holder=$(cat "$work/.lock")
  if kill -0 "$holder" 2> /dev/null; then
    reason="make is at work here already (process $holder)"
  else
    reason="a stage of a make that was killed (process $holder) is still at work here"
  fi
  printf '%s: %s: wait for its end, or give WORK= another folder\n' "$work" "$reason" >&2
  exit 75
fi
printf '%d\n' $$ > "$work/.lock"
# A make that is killed takes this one with it, rather than leave it to go on unseen.
if command -v setpriv > /dev/null; then exec setpriv --pdeathsig TERM "$@"; fi
exec "$@"
