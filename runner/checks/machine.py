"""What this machine lets its processes have and share."""

import os
from collections.abc import Iterator

from jobs.cgroups import cpu_quota
from jobs.job import usable_cores
from jobs.parallel import workers_fault
from runner.checks.circumstances import Circumstances
from runner.checks.finding import Finding


def cores(asked: Circumstances) -> Iterator[Finding]:
    """Compare the cores with what a control group, such as a container's, allows; inside a job, its own check does."""
    if "SLURM_JOB_ID" in os.environ:
        return
    bound, quota = len(os.sched_getaffinity(0)), cpu_quota()
    if quota is not None and quota < bound:
        yield Finding(
            "note",
            f"{bound} cores, and a control group's quota allows the time of {quota:g}: {usable_cores()} "
            f"{'is' if usable_cores() == 1 else 'are'} used",
            "give the container or session more (docker run --cpus, systemd CPUQuota), or choose with --cores",
        )
    else:
        yield Finding("ok", f"{bound} cores may be used")


def workers(asked: Circumstances) -> Iterator[Finding]:
    """Say whether a task can share its work among processes."""
    fault = workers_fault()
    if fault:
        yield Finding(
            "note",
            f"processes: {fault}: each task scores on one core, whatever it asked for",
            "make /dev/shm writable (docker run --tmpfs /dev/shm:rw), or set cluster.evaluate.cpus: 1 and "
            "evaluate.shards to what --cores or the array shall work on at once",
        )
    else:
        yield Finding("ok", "processes: a task can share its work among them")
