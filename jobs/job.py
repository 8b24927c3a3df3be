"""What a job is: inputs held in a frozen dataclass, files as the result."""

import math
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from jobs.cgroups import cpu_quota
from srcnn.aside import Aside
from srcnn.outputs import Output, Shelf

# Steps done, steps in all, a note for people. The first call comes before the first step: it says where a task begins.
Progress = Callable[[int, int, str], None]

CORES_VARIABLE = "RUNNER_CPUS"


def silent(done: int, total: int, note: str) -> None:
    """Progress that nobody reads."""


# What an origin lacks, by epoch: set and name of each lost picture, or None where everything of the epoch is lost.
Lost = Mapping[int, Collection[tuple[str, str]] | None]


@dataclass(frozen=True)
class Stale:
    """A result whose origin is gone: where it lies, and what takes it away."""

    place: Path
    take: Callable[[Aside], None]


class Job:
    """The work of one task. Calling it makes what is missing; it may be called again at any moment."""

    def outputs(self) -> tuple[Output, ...]:
        """What it makes."""
        raise NotImplementedError

    def bytes_to_write(self) -> tuple[str, int]:
        """About how many bytes it is going to write, and of which kind they are, in a word."""
        return "", 0

    def lost(self, needed: Lost) -> Lost:
        """What those that need it cannot build on any more; ``needed`` is what it needs itself and is lost."""
        return {}

    def stale(self, needed: Lost) -> Iterable[Stale]:
        """What it made from something that is lost, which is made again once that is."""
        return ()

    def to_read(self) -> Iterable[Path]:
        """Files that others made and it is about to read, and that cannot be used unless they are whole."""
        return ()

    def is_done(self) -> bool:
        """Whether all that it makes is there and whole."""
        return Shelf().is_done(self.outputs())

    def __call__(self, progress: Progress = silent) -> None:
        """Make what is missing."""
        raise NotImplementedError


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
