"""Inside a batch job: whether it got what it asked for."""

import os
import socket
from collections.abc import Iterator

from jobs.cgroups import cpu_quota, memory_limit
from runner.checks.circumstances import Circumstances
from runner.checks.finding import Finding
from srcnn.words import counted

MB = 2**20


def place(asked: Circumstances) -> Iterator[Finding]:
    """Say which job this is."""
    job = os.environ.get("SLURM_JOB_ID")
    if job:
        partition = os.environ.get("SLURM_JOB_PARTITION", "unknown")
        yield Finding("ok", f"inside SLURM job {job} on {socket.gethostname()}, partition {partition}")


def cores(asked: Circumstances) -> Iterator[Finding]:
    """Compare the cores that this process may run on with those that were asked for."""
    wanted = os.environ.get("SLURM_CPUS_PER_TASK", "")
    if "SLURM_JOB_ID" not in os.environ or not wanted.isdigit():
        return
    bound = len(os.sched_getaffinity(0))
    quota = cpu_quota()
    usable = bound if quota is None else min(bound, quota)
    limited = f" (and a quota of {quota:g})" if quota is not None and quota < bound else ""
    if usable < int(wanted):
        yield Finding(
            "WRONG",
            f"{wanted} cores a task were asked for, and this process may use {usable:g}: bound to {bound}{limited}",
            "since SLURM 22.05 srun does not take --cpus-per-task over from sbatch: "
            "export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK in cluster.setup, or name it to srun",
        )
    elif bound > int(wanted):
        yield Finding(
            "note", f"{wanted} cores asked for; the cluster binds to none of the {bound} here, tasks keep to theirs"
        )
    else:
        yield Finding("ok", f"{counted(int(wanted), 'core')} asked for and got")


def memory(asked: Circumstances) -> Iterator[Finding]:
    """Compare the memory that was asked for with what a cgroup allows."""
    if "SLURM_JOB_ID" not in os.environ:
        return
    wanted = _wanted_mb()
    limit = memory_limit()
    if wanted is None:
        yield Finding("note", "the job names no memory: the cluster's default counts")
    elif limit is None:
        yield Finding("note", f"{wanted} MB of memory asked for; no cgroup holds the job to it")
    elif limit < 0.95 * wanted * MB:
        yield Finding(
            "WRONG",
            f"{wanted} MB of memory asked for, and the job is killed at {limit / MB:.0f} MB",
            "ask the administrators which limit that is (AllowedRAMSpace, MaxRAMPercent); until then ask for more "
            "with mem_gb",
        )
    else:
        yield Finding("ok", f"{wanted} MB of memory asked for; a cgroup holds the job to {limit / MB:.0f} MB")


def _wanted_mb() -> int | None:
    each, node = os.environ.get("SLURM_MEM_PER_CPU", ""), os.environ.get("SLURM_MEM_PER_NODE", "")
    if node.isdigit() and int(node):
        return int(node)
    count = os.environ.get("SLURM_CPUS_ON_NODE", "")
    return int(each) * int(count) if each.isdigit() and count.isdigit() else None
