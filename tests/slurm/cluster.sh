#!/usr/bin/env bash
# A real SLURM on this machine, in one folder, for tests: three virtual nodes, accounting, memory limits that kill.
# Any user may run it. It writes only below DIR and ends only processes that it started from there.
# shellcheck disable=SC2016  # the backquotes are for the reader
usage='usage: cluster.sh VERB DIR [NODE]
  start DIR               the cluster is up and idle; `. DIR/env.sh` points commands at it
  stop DIR                jobs cancelled, daemons ended; the folder with its logs stays
  reset DIR               jobs cancelled, lost daemons and nodes brought back, everything idle
  kill-node DIR NODE      the node loses power: its slurmd and everything that its jobs run are killed; the
                          controller notices after SLURMD_TIMEOUT, or a minute if the node is back before that
  lose-slurmd DIR NODE    only its slurmd is killed; the tasks live on
  start-node DIR NODE     its slurmd runs again
  spoil-node DIR NODE     its prolog fails from now on: no job can be started there
  mend-node DIR NODE      its prolog works again, and the node that SLURM drained takes jobs
  restart-controller DIR
  stop-accounting DIR     sacct fails from now on
  start-accounting DIR
Nodes: node1 (two GPUs, two threads a core) in partition gpu; node2 and node3 in cpu, low (preempted jobs are
requeued), lowcancel, whole (a job gets all of its node) and scant (at most 500 MB a CPU).
Set before start: MAX_ARRAY_SIZE, MAX_JOB_COUNT, CRED_EXPIRE, SLURMD_TIMEOUT, MIN_JOB_AGE, KILL_WAIT, GRACE_TIME,
FIRST_JOB_ID, MAX_JOB_ID, FIRST_PORT (five in a row; free ones are found otherwise).'
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin # the daemons' home, which users often lack
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=processes.sh
. "$here/processes.sh"
# shellcheck source=configuration.sh
. "$here/configuration.sh"

NODES=(node1 node2 node3)
declare -A PORTS

fail() {
  echo "cluster.sh: $*" >&2
  exit 1
}

# Whether a command succeeds within so many seconds.
until_true() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    if [ $SECONDS -ge $end ]; then return 1; fi
    sleep 0.05
  done
}

# The same, where there is no way on.
wait_for() {
  local what=$1
  shift
  until_true "$@" && return
  tail -n 5 "$DIR"/log/*.log >&2 || true
  fail "waited $1 seconds for $what in vain; above are the ends of the logs in $DIR/log. The last try said:" \
    "$("${@:2}" 2>&1)"
}

start() {
  local daemon node
  if [ -n "${SLURM_CONF:-}" ] && [ "$SLURM_CONF" != "$DIR/slurm.conf" ]; then
    fail "SLURM_CONF names another cluster, $SLURM_CONF; unset it to start one in $DIR"
  fi
  if [ ! -e "$DIR/env.sh" ] && [ -n "$(ls -A "$DIR" 2>/dev/null)" ]; then
    fail "$DIR holds files of something else; name a new or empty folder"
  fi
  # Unix sockets, named after the folder, may have 107 characters.
  [[ $DIR =~ ^[A-Za-z0-9._/-]{2,60}$ ]] ||
    fail "$DIR: the path may have at most 60 characters, plain letters, digits and ._/- only"
  for daemon in munged mariadbd slurmdbd slurmctld "${NODES[@]/#/slurmd.}"; do
    if running "$daemon"; then fail "a cluster already runs from $DIR; $0 stop $DIR ends it"; fi
  done
  for daemon in munged mariadbd slurmdbd slurmctld slurmd sbatch sacct; do
    command -v "$daemon" >/dev/null || fail "$daemon is not installed; as root: apt-get install" \
      "--no-install-recommends slurmctld slurmd slurm-client munge slurmdbd mariadb-server-core"
  done
  choose_ports

  for node in "${NODES[@]}"; do kill_job_processes "$node"; done # of a cluster that was not stopped but killed
  mkdir -p "$DIR"
  (cd "$DIR" && rm -rf run log munge state spool db tmp dev ports env.sh ./*.conf)
  mkdir -p "$DIR"/{run,log,munge,state,db,tmp,dev} "$DIR"/spool/node{1,2,3}
  chmod 700 "$DIR" # whoever reaches the sockets below it could run jobs as this user
  printf 'export SLURM_CONF=%q\n' "$DIR/slurm.conf" >"$DIR/env.sh"
  for daemon in "${!PORTS[@]}"; do echo "$daemon ${PORTS[$daemon]}"; done | sort >"$DIR/ports"
  write_configuration
  export SLURM_CONF=$DIR/slurm.conf

  trap stop EXIT # a half-started cluster is of no use
  start_munged
  start_database
  start_slurmdbd
  start_slurmctld
  for node in "${NODES[@]}"; do start_slurmd "$node"; done
  wait_for "idle nodes" 30 all_idle
  # Jobs that end before the controller has registered would be missing from sacct for some seconds.
  wait_for "the controller's registration with slurmdbd" 20 registered
  trap - EXIT
}

# Below the range from which the system serves outgoing connections, which could take a port between two starts.
choose_ports() {
  local first names=(slurmctld slurmdbd "${NODES[@]}")
  if [ -n "${FIRST_PORT:-}" ]; then
    first=$FIRST_PORT
    free_ports "$first" || fail "a port of $first to $((first + 4)) is taken; choose another FIRST_PORT, or none"
  else
    for _ in {1..200}; do
      first=$((16000 + RANDOM % 16000))
      if free_ports "$first"; then break; fi
      first=
    done
    [ -n "$first" ] || fail "found no five free ports in a row"
  fi
  for i in "${!names[@]}"; do PORTS[${names[i]}]=$((first + i)); done
}

free_ports() {
  local ports
  ports=$(for i in {0..4}; do printf ':%04X \n' $(($1 + i)); done)
  ! grep -qsF "$ports" /proc/net/tcp /proc/net/tcp6
}

start_munged() {
  (umask 077 && head -c 128 /dev/urandom >"$DIR/munge/munge.key")
  # --force: munged wants its socket open to all users; this one is for one user.
  munged --force --key-file="$DIR/munge/munge.key" --socket="$DIR/munge/munge.socket" \
    --pid-file="$DIR/run/munged.pid" --log-file="$DIR/log/munged.log" --seed-file="$DIR/munge/munged.seed" \
    --num-threads=4 2>>"$DIR/log/munged.log"
  wait_for munged 10 munge -n -S "$DIR/munge/munge.socket"
}

start_database() {
  # A server that starts takes other servers' temporary tables for leftovers, if they share a folder.
  local server=(mariadbd --no-defaults --user="$(id -un)" --datadir="$DIR/db" --tmpdir="$DIR/tmp"
    --innodb-log-file-size=10M --innodb-buffer-pool-size=64M)
  # By hand, since mariadb-install-db needs programs of the client's package.
  { printf 'CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n' &&
    cat /usr/share/mysql/mysql_system_tables.sql; } |
    "${server[@]}" --bootstrap --log-warnings=0 --enforce-storage-engine= --max-allowed-packet=8M \
      >"$DIR/log/bootstrap.log" 2>&1
  # A session of its own, so that Ctrl-C at the terminal does not reach it. slurmdbd asks for the last two settings.
  setsid "${server[@]}" --socket="$DIR/run/mariadbd.sock" --pid-file="$DIR/run/mariadbd.pid" \
    --log-error="$DIR/log/mariadbd.log" --skip-networking --skip-grant-tables \
    --innodb-flush-log-at-trx-commit=0 --innodb-lock-wait-timeout=900 </dev/null >/dev/null 2>&1 &
  wait_for mariadbd 30 grep -q 'ready for connections' "$DIR/log/mariadbd.log"
}

start_slurmdbd() {
  running slurmdbd || MYSQL_UNIX_PORT=$DIR/run/mariadbd.sock slurmdbd
  wait_for slurmdbd 30 sacctmgr -n show cluster
}

start_slurmctld() {
  running slurmctld || slurmctld
  wait_for slurmctld 20 scontrol ping
}

start_slurmd() {
  running "slurmd.$1" || slurmd -N "$1"
  wait_for "slurmd of $1" 10 running "slurmd.$1"
}

all_idle() {
  local states
  states=$(sinfo -h -N -o '%N %T' | sort -u)
  [ "$(grep -c . <<<"$states")" -eq ${#NODES[@]} ] && ! grep -qv ' idle$' <<<"$states"
}

registered() { [ "$(sacctmgr -n -P show cluster format=cluster,controlport)" = "srcnntest|${PORTS[slurmctld]}" ]; }

no_jobs() { [ -z "$(squeue -h)" ]; }

# Pending jobs first, lest they take the place of running ones. Those get KILL: TERM would have to wait KillWait
# seconds, and submitit's tasks let it pass. What is left then is cancelled as anyone would.
cancel_jobs() {
  local mine=(scancel --user="$(id -un)")
  "${mine[@]}" --state=PENDING || true
  "${mine[@]}" --full --signal=KILL || true
  "${mine[@]}" || true
} 2>/dev/null

stop() {
  trap '' INT TERM # what began must end
  trap - EXIT
  local daemon node left=()
  if running slurmctld; then
    cancel_jobs
    until_true 5 no_jobs || true
  fi
  # One that will not end must not keep the others alive.
  for node in "${NODES[@]}"; do
    end "slurmd.$node" || left+=("slurmd of $node")
    kill_job_processes "$node" || left+=("jobs of $node")
  done
  for daemon in slurmctld slurmdbd mariadbd munged; do end "$daemon" || left+=("$daemon"); done
  if [ ${#left[@]} -gt 0 ]; then fail "still running after KILL: ${left[*]}"; fi
}

reset() {
  local node
  rm -f "$DIR"/bad-*
  start_slurmdbd
  start_slurmctld
  for node in "${NODES[@]}"; do start_slurmd "$node"; done
  no_jobs || scancel --user="$(id -un)" --state=PENDING 2>/dev/null || true # they would take the place of others
  wait_for "an empty queue" 60 emptied
  if ! all_idle; then
    wait_for "idle nodes" 60 resumed_all
  fi
}

# The processes first: SLURM gives them KillWait seconds and more, and does not know those that outlived their node.
emptied() {
  local node
  for node in "${NODES[@]}"; do kill_job_processes "$node"; done
  if no_jobs; then return; fi
  cancel_jobs
  return 1
}

resumed_all() {
  if all_idle; then return; fi
  scontrol update nodename="$(IFS=, && echo "${NODES[*]}")" state=resume 2>/dev/null || true
  sleep 0.2
  all_idle
}

mend_node() {
  rm -f "$DIR/bad-$1"
  scontrol update nodename="$1" state=resume 2>/dev/null || true # refused where it was not drained
}

kill_node() {
  lose_slurmd "$1"
  kill_job_processes "$1"
}

lose_slurmd() {
  local pid
  pid=$(pid_of "slurmd.$1") || fail "no slurmd of $1 runs from $DIR"
  kill -9 "$pid"
  wait_for "the end of slurmd of $1" 5 gone "$pid"
}

restart_controller() {
  end slurmctld
  start_slurmctld
}

[ $# -ge 2 ] || { echo "$usage" >&2 && exit 2; }
verb=$1 node=${3:-}
DIR=$(realpath -m -- "$2")
if [ "$verb" != start ]; then
  if [ ! -e "$DIR/env.sh" ] || [ ! -e "$DIR/ports" ]; then fail "no cluster was started in $DIR"; fi
  export SLURM_CONF=$DIR/slurm.conf
  while read -r name port; do PORTS[$name]=$port; done <"$DIR/ports"
fi
case $verb in
  kill-node | lose-slurmd | start-node | spoil-node | mend-node)
    [[ " ${NODES[*]} " == *" $node "* ]] || fail "$verb needs a node, one of ${NODES[*]}, not '$node'"
    ;;
  *) [ $# -eq 2 ] || fail "$verb takes only a folder" ;;
esac
case $verb in
  start) start ;;
  stop) stop ;;
  reset) reset ;;
  kill-node) kill_node "$node" ;;
  lose-slurmd) lose_slurmd "$node" ;;
  start-node) start_slurmd "$node" ;;
  spoil-node) touch "$DIR/bad-$node" ;;
  mend-node) mend_node "$node" ;;
  restart-controller) restart_controller ;;
  stop-accounting) end slurmdbd ;;
  start-accounting) start_slurmdbd ;;
  *) echo "$usage" >&2 && exit 2 ;;
esac
