#!/usr/bin/env bash
# Runs a command beside an ssh server of its own on this machine, with keys of its own, taken down at the end.
#
#     pipelines/slurm/ssh-here.sh FOLDER COMMAND [ARGUMENT…]
#     pipelines/slurm/ssh-here.sh /tmp/ssh bash -c 'make demo RUNNER=parallel HOSTS="one two" SSH="$HERE_SSH"'
#
# The command gets HERE_SSH, an ssh that knows the hosts `one` and `two`: both are this machine. Nobody else's keys,
# settings or servers are read or changed; it listens on 127.0.0.1, at a port of its own.
set -euo pipefail

say() { printf 'ssh-here: %s\n' "$*" >&2; }
fail() {
  say "$*"
  if [[ -s $folder/sshd.log ]]; then tail -n 5 "$folder/sshd.log" | sed 's|^|ssh-here: |' >&2; fi
  exit 1
}

if (($# < 2)); then
  say 'expected a folder and a command'
  exit 64
fi
mkdir -p "$1"
folder=$(cd "$1" && pwd)
shift
PATH=$PATH:/usr/sbin:/sbin
sshd=$(command -v sshd) || fail 'sshd is missing (Debian: openssh-server)'
command -v ssh > /dev/null || fail 'ssh is missing (Debian: openssh-client)'

while port=$((32000 + RANDOM % 700)); do
  if ! { : < "/dev/tcp/127.0.0.1/$port"; } 2> /dev/null; then break; fi
done
rm -f "$folder"/{host,user}{,.pub} "$folder/sshd.log"
for key in host user; do ssh-keygen -q -t ed25519 -N '' -f "$folder/$key"; done
printf '[127.0.0.1]:%d %s\n' "$port" "$(cat "$folder/host.pub")" > "$folder/known_hosts"
cat > "$folder/sshd_config" << CONFIGURATION
ListenAddress 127.0.0.1
Port $port
HostKey $folder/host
PidFile none
AuthorizedKeysFile $folder/user.pub
AuthenticationMethods publickey
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
MaxStartups 100
CONFIGURATION
cat > "$folder/ssh_config" << CONFIGURATION
Host one two
  HostName 127.0.0.1
  Port $port
  IdentityFile $folder/user
  IdentitiesOnly yes
  UserKnownHostsFile $folder/known_hosts
  GlobalKnownHostsFile none
  BatchMode yes
  LogLevel ERROR
CONFIGURATION
# Where root's sshd puts aside its privileges; Debian makes it when it starts its own.
if ((EUID == 0)); then mkdir -p /run/sshd; fi

server=''
stop() {
  local status=$?
  trap - EXIT
  if [[ -n $server ]]; then
    # Its sessions are children of its own and would go on.
    while IFS= read -r session; do kill "$session" 2> /dev/null || true; done < <(ps -o pid= --ppid "$server")
    kill "$server" 2> /dev/null || true
    wait "$server" 2> /dev/null || true
  fi
  exit "$status"
}
trap stop EXIT
for signal in HUP INT TERM; do
  # shellcheck disable=SC2064
  trap "exit $((128 + $(kill -l "$signal")))" "$signal"
done
"$sshd" -D -e -f "$folder/sshd_config" > "$folder/sshd.log" 2>&1 9>&- &
server=$!
export HERE_SSH="ssh -F $folder/ssh_config"
for ((wait = 0; wait < 50; wait++)); do
  if $HERE_SSH one true 2> /dev/null; then break; fi
  kill -0 "$server" 2> /dev/null || fail 'the server has ended'
  sleep 0.1
done
$HERE_SSH two true || fail 'no connection'

"$@"
