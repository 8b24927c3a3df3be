#!/usr/bin/env bash
# The tests on a real SLURM: installs it where that is possible, starts it, runs pytest (arguments go there), ends it.
# With --storm first, the storm instead of the tests.
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

SRCNN_SLURM=$(mktemp -d /tmp/srcnn-slurm-XXXXXX)
export SRCNN_SLURM
unset SLURM_CONF # whatever cluster is in use here, these tests have their own
# Also after Ctrl-C: bash first waits for pytest, which ends by the same signal.
trap 'exit 130' INT
trap 'exit 143' TERM HUP
trap '[ ! -e "$SRCNN_SLURM/env.sh" ] || "$here/cluster.sh" stop "$SRCNN_SLURM"; rm -rf "$SRCNN_SLURM"' EXIT
"$here/cluster.sh" start "$SRCNN_SLURM"
cd "$here/../.."
command=(-m pytest tests/slurm)
if [ "${1:-}" = --storm ]; then
  shift
  command=(-m storm)
  export PYTHONPATH=.:tests
fi
status=0
"${PYTHON:-.venv/bin/python}" "${command[@]}" "$@" || status=$?
exit $status
