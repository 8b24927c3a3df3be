"""The work of one task: its inputs in a frozen dataclass, files as its result."""

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
    """Show progress to nobody."""


# What is lost, by epoch: the set and name of every lost picture, or None where everything of the epoch is lost.
Lost = Mapping[int, Collection[tuple[str, str]] | None]


@dataclass(frozen=True)
class Stale:
    """A result whose origin is lost: where it lies, and the function that takes it away."""

    place: Path
    take: Callable[[Aside], None]


class Job:
    """The work of one task. Calling it makes what is missing; it may be called again at any moment."""

    def outputs(self) -> tuple[Output, ...]:
        """Return what the job makes."""
        raise NotImplementedError

    def bytes_to_write(self) -> tuple[str, int]:
        """Return the kind of files that the job is going to write, in a word, and about how many bytes."""
        return "", 0

    def lost(self, needed: Lost) -> Lost:
        """Return what is lost of the job's results; ``needed`` is what is lost of the results that it builds on."""
        return {}

    def stale(self, needed: Lost) -> Iterable[Stale]:
        """Give the results that were made from something lost: they are made again from what takes its place."""
        return ()

    def to_read(self) -> Iterable[Path]:
        """Give the files of other jobs that the job is about to read, and that must be whole."""
        return ()

    def is_done(self) -> bool:
        """Say whether everything that the job makes is there and whole."""
        return Shelf().is_done(self.outputs())

    def __call__(self, progress: Progress = silent) -> None:
        """Make what is missing."""
        raise NotImplementedError


def task_cores() -> int:
    """Return how many cores this task may use: those from the runner, else from SLURM and usable by the process."""
    own, slurm = os.environ.get(CORES_VARIABLE, ""), os.environ.get("SLURM_CPUS_PER_TASK", "")
    if own.isdigit():
        return max(1, int(own))
    return max(1, min(usable_cores(), int(slurm))) if slurm.isdigit() else usable_cores()


def usable_cores() -> int:
    """Return how many cores this process may run on; a control group may allow it less time than they have."""
    quota = cpu_quota()
    bound = len(os.sched_getaffinity(0))
    return bound if quota is None else max(1, min(bound, math.ceil(quota)))
