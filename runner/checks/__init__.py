"""What a study needs of a machine or cluster, one file a subject; CHECKS is the table of all of them."""

from collections.abc import Callable, Iterable

from runner.checks import disk, gpu, job, machine, own_python, packages, scheduler, study
from runner.checks.circumstances import Circumstances
from runner.checks.finding import Finding

# A check looks at one thing and gives what it found; nothing where it does not apply.
Check = Callable[[Circumstances], Iterable[Finding]]

CHECKS: dict[str, tuple[Check, ...]] = {
    "job": (job.place, job.cores, job.memory),
    "scheduler": (
        scheduler.answering,
        scheduler.partitions,
        scheduler.stages,
        scheduler.accounts,
        scheduler.accounting,
        scheduler.arrays,
        scheduler.preemption,
    ),
    "machine": (machine.cores, machine.workers),
    "Python": (packages.python, packages.requirements, packages.clash, own_python.starts),
    "GPU": (gpu.cuda,),
    "disk": (disk.root, disk.locks, disk.clock, disk.free, disk.kernels, disk.matplotlib_folder),
    "study": (study.readable, study.pictures, study.plan, study.space),
}
