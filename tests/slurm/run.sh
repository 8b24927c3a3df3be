#!/usr/bin/env bash
# The tests on a real SLURM: installs it where that is possible, runs pytest (arguments go there) in processes that
# start a cluster each and end it. With --storm first, the storm instead of the tests.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export PATH=$PATH:/usr/sbin:/sbin
packages='slurmctld slurmd slurm-client munge slurmdbd mariadb-server-core'

complete() { command -v slurmctld slurmd sbatch munged slurmdbd mariadbd >/dev/null; }

if ! complete; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get -qq update
    # shellcheck disable=SC2086  # a list of packages
    DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $packages >/dev/null
  fi
  if ! complete; then
    echo "SLURM is not installed here; as root: apt-get install --no-install-recommends $packages" >&2
    exit 1
  fi
fi

SRCNN_SLURM=$(mktemp -d /tmp/slurm-XXXXXX) # where all clusters are, also those of a process that was killed
export SRCNN_SLURM
unset SLURM_CONF # whatever cluster is in use here, these tests have their own
# Also after Ctrl-C: bash first waits for pytest, which ends by the same signal.
trap 'exit 130' INT
trap 'exit 143' TERM HUP
trap stop_all EXIT
stop_all() {
  local cluster
  for cluster in "$SRCNN_SLURM"/*/env.sh; do
    [ ! -e "$cluster" ] || "$here/cluster.sh" stop "$(dirname "$cluster")" || true
  done
  rm -rf "$SRCNN_SLURM"
}
cd "$here/../.."
# More processes than cores, since tests wait for SLURM most of the time. -n 0, given as an argument, is for debugging.
command=(-m pytest tests/slurm -n 4)
if [ "${1:-}" = --storm ]; then
  shift
  command=(-m storm)
  export PYTHONPATH=.:tests
fi
status=0
"${PYTHON:-.venv/bin/python}" "${command[@]}" "$@" || status=$?
exit $status
