"""What a study needs of a machine or cluster, one file a subject; CHECKS is the table of all of them."""

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from runner.checks import disk, gpu, job, own_python, packages, readable, scheduler
from runner.checks.circumstances import Circumstances
from runner.checks.finding import Finding

# A check looks at one thing and gives what it found; nothing where it does not apply.
Check = Callable[[Circumstances], Iterable[Finding]]


@dataclass(frozen=True)
class Later:
    """A check whose module imports packages, one of which may be what is broken: it is imported when the check runs.

    ``applies`` says where that is.
    """

    module: str
    name: str
    applies: Callable[[Circumstances], bool] = lambda asked: True

    def __call__(self, asked: Circumstances) -> Iterable[Finding]:
        """Return what the check finds. Raises ImportError for a package that is broken."""
        if not self.applies(asked):
            return ()
        check: Check = getattr(importlib.import_module(f"runner.checks.{self.module}"), self.name)
        return check(asked)

    @property
    def __name__(self) -> str:
        return self.name


def _needs_slurm(asked: Circumstances) -> bool:
    return asked.uses_slurm


def _needs_a_study(asked: Circumstances) -> bool:
    return asked.study is not None


CHECKS: dict[str, tuple[Check, ...]] = {
    "job": (job.place, job.cores, job.memory),
    "scheduler": (
        scheduler.answering,
        scheduler.partitions,
        Later("stages", "stages", _needs_slurm),
        scheduler.accounts,
        scheduler.accounting,
        scheduler.arrays,
        scheduler.preemption,
    ),
    "machine": (Later("machine", "cores"), Later("machine", "workers")),
    "Python": (packages.python, packages.requirements, packages.clash, own_python.starts),
    "GPU": (gpu.cuda,),
    "disk": (disk.root, disk.locks, disk.clock, disk.free, disk.kernels),
    "study": (
        readable.readable,
        Later("study", "pictures", _needs_a_study),
        Later("study", "plan", _needs_a_study),
        Later("study", "space", _needs_a_study),
    ),
}
