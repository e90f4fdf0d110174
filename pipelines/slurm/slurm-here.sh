#!/usr/bin/env bash
# Runs a command beside a Slurm of its own on this machine, made from Debian's packages and taken down at the end.
#
#     pipelines/slurm/slurm-here.sh FOLDER COMMAND [ARGUMENT…]
#     pipelines/slurm/slurm-here.sh /tmp/slurm make demo RUNNER=slurm
#
# FOLDER, whose path has to be short, gets its configuration, keys, state and logs. The command finds it by SLURM_CONF.
# A Slurm that is here already is neither used nor disturbed: this one has its own munge, ports and files. It has a node
# of two processors; CPUS gives it another number, whether the machine has them or not. No cgroups, no systemd, no root.
set -euo pipefail

say() { printf 'slurm-here: %s\n' "$*" >&2; }
fail() {
  say "$*"
  for log in "$folder"/*.log; do
    if [[ -s $log ]]; then tail -n 5 "$log" | sed "s|^|slurm-here: ${log##*/}: |" >&2; fi
  done
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
for command in slurmctld slurmd munged sbatch; do
  command -v "$command" > /dev/null || fail "$command is missing (Debian: slurm-wlm and munge)"
done
if ((${#folder} > 80)); then fail "the path of $folder is too long for sockets"; fi

user=$(id -un) host=$(hostname -s)
export SLURM_CONF=$folder/slurm.conf
# Of an outer Slurm, in which this may run, nothing is to be known.
while IFS= read -r variable; do unset "$variable"; done < <(compgen -v | grep -E '^(SLURM|SBATCH|SRUN|SALLOC)_' | grep -vx SLURM_CONF)

# port: a free one; nobody is likely to take it before it is used.
port() {
  local candidate
  while candidate=$((20000 + RANDOM % 12000)); do
    if ! { : < "/dev/tcp/127.0.0.1/$candidate"; } 2> /dev/null; then break; fi
  done
  printf '%d' "$candidate"
}

daemons=()
stop() {
  local status=$? process
  trap - EXIT
  # Jobs first, so that none outlives its node.
  if ((${#daemons[@]} > 1)); then scancel --user="$user" 2> /dev/null || true; fi
  for ((wait = 0; wait < 50; wait++)); do
    if [[ -z $(squeue --noheader 2> /dev/null) ]]; then break; fi
    sleep 0.1
  done
  for process in "${daemons[@]}"; do kill "$process" 2> /dev/null || true; done
  for process in "${daemons[@]}"; do wait "$process" 2> /dev/null || true; done
  exit "$status"
}
trap stop EXIT
for signal in HUP INT TERM; do
  # shellcheck disable=SC2064
  trap "exit $((128 + $(kill -l "$signal")))" "$signal"
done

rm -rf "$folder"/{state,spool}
mkdir -p "$folder"/{state,spool}
chmod 755 "$folder"
rm -f "$folder"/{munge.key,munge.socket,munge.seed,munge.pid,*.log}
(umask 077 && head -c 1024 /dev/urandom > "$folder/munge.key")

# $(1) name, then a daemon in the foreground: it is this script's own child and known by its number.
start() {
  local name=$1
  shift
  "$@" > "$folder/$name.out.log" 2>&1 9>&- &
  daemons+=($!)
}

start munged munged --foreground --force --key-file "$folder/munge.key" --socket "$folder/munge.socket" \
  --seed-file "$folder/munge.seed" --pid-file "$folder/munge.pid" --log-file "$folder/munged.log"
for ((wait = 0; wait < 100; wait++)); do
  if [[ -S $folder/munge.socket ]]; then break; fi
  sleep 0.05
done
[[ -S $folder/munge.socket ]] || fail 'munged did not start'

cat > "$SLURM_CONF" << CONFIGURATION
ClusterName=here
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$(port)
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
CredType=cred/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=5,batch_sched_delay=0
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=5
MinJobAge=60
NodeName=$host NodeAddr=127.0.0.1 Port=$(port) CPUs=${CPUS:-2} State=UNKNOWN
PartitionName=here Nodes=$host Default=YES MaxTime=INFINITE OverSubscribe=NO State=UP
CONFIGURATION

start slurmctld slurmctld -D -f "$SLURM_CONF"
start slurmd slurmd -D -f "$SLURM_CONF"
for ((wait = 0; wait < 200; wait++)); do
  if [[ $(sinfo --noheader --format %t 2> /dev/null) == idle ]]; then break; fi
  for process in "${daemons[@]}"; do kill -0 "$process" 2> /dev/null || fail 'a daemon has ended'; done
  sleep 0.1
done
[[ $(sinfo --noheader --format %t 2> /dev/null) == idle ]] || fail "the node is not ready: $(sinfo --noheader 2>&1)"

"$@"
