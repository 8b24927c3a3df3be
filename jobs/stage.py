"""What a stage is: inputs held in a frozen dataclass, files as the result."""

import os
from collections.abc import Callable
from typing import Protocol

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
    """Cores that this task may use: what the runner or SLURM gave it, else what the process may run on."""
    for variable in (CORES_VARIABLE, "SLURM_CPUS_PER_TASK"):
        if os.environ.get(variable, "").isdigit():
            return max(1, int(os.environ[variable]))
    return len(os.sched_getaffinity(0))
