"""What a stage is: inputs held in a frozen dataclass, files as the result."""

import math
import os
from collections.abc import Callable
from typing import Protocol

from jobs.cgroups import cpu_quota

# Steps done, steps in all, a note for people. The first call comes before the first step: it says where a task begins.
Progress = Callable[[int, int, str], None]

CORES_VARIABLE = "RUNNER_CPUS"


def silent(done: int, total: int, note: str) -> None:
    """Progress that nobody reads."""


class Stage(Protocol):
    """One task. Calling it makes what is missing; it may be called again at any moment."""

    def is_done(self) -> bool:
        """Whether every file that this task makes is there."""
        ...

    def __call__(self, progress: Progress = silent) -> None:
        """Make what is missing."""
        ...


def task_cores() -> int:
    """Cores that this task may use: what the runner gave it, else what SLURM gave it and the process may run on."""
    own, slurm = os.environ.get(CORES_VARIABLE, ""), os.environ.get("SLURM_CPUS_PER_TASK", "")
    if own.isdigit():
        return max(1, int(own))
    return max(1, min(usable_cores(), int(slurm))) if slurm.isdigit() else usable_cores()


def usable_cores() -> int:
    """Cores that this process may run on and has the time of: a control group may allow it less than there are."""
    quota = cpu_quota()
    bound = len(os.sched_getaffinity(0))
    return bound if quota is None else max(1, min(bound, math.ceil(quota)))
