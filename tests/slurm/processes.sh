# Which processes belong to the cluster in $DIR. Sourced by cluster.sh.
#
# A number in a pid file proves nothing: the daemon may be gone and the number given to another process, or the
# machine may run a second SLURM. So a process is ours only if it bears the daemon's name and holds a file below
# $DIR open, as every daemon does with its log.

# A zombie counts as dead: in a container nobody may reap the daemons.
alive() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1 # not $(<...), which ends the whole script where there is no file
  [[ ${stat##*) } != [ZX]* ]]
}

named() { [ "$(cat "/proc/$1/comm" 2>/dev/null)" = "$2" ]; }

holds_files_below() { [ -n "$(find "/proc/$1/fd" -lname "$2/*" -print -quit 2>/dev/null)" ]; }

# The process of a daemon (munged, mariadbd, slurmdbd, slurmctld, slurmd.node1...), if it runs and is ours.
pid_of() {
  local pid
  pid=$(cat "$DIR/run/$1.pid" 2>/dev/null) && [[ $pid =~ ^[0-9]+$ ]] || return 1
  alive "$pid" && named "$pid" "${1%%.*}" && holds_files_below "$pid" "$DIR" && echo "$pid"
}

running() { pid_of "$1" >/dev/null; }

# Ends one daemon: TERM, and KILL for one that does not heed it within ten seconds.
end() {
  local pid
  if pid=$(pid_of "$1"); then
    kill "$pid" 2>/dev/null || true
    until_true 10 gone "$pid" || kill -9 "$pid" 2>/dev/null || true
    until_true 5 gone "$pid" || return 1
  fi
  rm -f "$DIR/run/$1.pid"
}

gone() { ! alive "$1"; }

# Everything that runs jobs on a node, slurmd aside: its step managers, what they started, and what that left behind.
# Step managers come first: one that outlived its task would still report how the task ended.
job_processes() {
  local pid steps=() family=()
  for pid in $(find /proc/[0-9]*/fd -maxdepth 1 -lname "$DIR/log/slurmd.$1.log" 2>/dev/null | cut -d/ -f3 | sort -u); do
    if named "$pid" slurmstepd; then steps+=("$pid"); fi
  done
  family=("${steps[@]}")
  while [ ${#family[@]} -gt 0 ]; do
    printf '%s\n' "${family[@]}"
    mapfile -t family < <(children "${family[@]}")
  done
  # Adopted by init when their parent died; the environment still tells whose they are.
  grep -lszxF "SLURMD_NODENAME=$1" /proc/[0-9]*/environ 2>/dev/null | while IFS=/ read -r _ _ pid _; do
    if grep -qszxF "SLURM_CONF=$DIR/slurm.conf" "/proc/$pid/environ"; then echo "$pid"; fi
  done
}

children() {
  local pid
  for pid in "$@"; do cat "/proc/$pid/task/"*/children 2>/dev/null || true; done | tr ' ' '\n' | grep . || true
}

# KILL for all of them, again and again until none is left: some may be forking.
kill_job_processes() { until_true 10 killed_job_processes "$1"; }

killed_job_processes() {
  local pid left=0
  for pid in $(job_processes "$1" | awk '!seen[$0]++'); do
    if alive "$pid"; then
      kill -9 "$pid" 2>/dev/null || true
      left=1
    fi
  done
  [ $left = 0 ]
}
