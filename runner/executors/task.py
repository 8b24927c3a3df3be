"""A planned task as the callable that is sent to a machine."""

import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.attempt import run_attempt
from jobs.device import GPUS_VARIABLE
from jobs.job import CORES_VARIABLE, Job, Progress, silent
from jobs.processes import end_with
from runner.executors.slurm.hold import release
from runner.executors.slurm.requeue import WARNED
from runner.executors.slurm.scheduler import answers
from srcnn.door import guard_output
from srcnn.words import counted

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission


# glibc hands large blocks back to the kernel and fetches them again, which costs half of the time
# of array code that makes temporaries; read when a process starts, so set for the children.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "1000000000", "MALLOC_TRIM_THRESHOLD_": "1000000000"}


class StartedTooOften(RuntimeError):
    """SLURM started a task again more often than the study allows."""


class OtherCode(RuntimeError):
    """A task does not run the code that was submitted."""


@dataclass(frozen=True)
class TaskCall:
    """Runs one task wherever it lands, with a record of the attempt.

    It holds no progress: a task that is started again finds on disk what was done before.
    ``submission`` is the name of the submission that it belongs to, ``gpus`` how many it asked for (None:
    nobody says). ``requeues`` bounds how often SLURM may start it again; ``runner`` is the process (number
    and birth) with which a task on this machine ends; ``code`` is the folder of the code that was submitted.
    """

    job: Job
    stage: str
    name: str
    attempts: Path
    submission: str
    cores: int | None = None
    gpus: int | None = None
    requeues: int | None = None
    runner: tuple[int, str] | None = None
    code: Path | None = None

    def __call__(self, show: Progress | None = None) -> None:
        """Do the task; its error is recorded and passed on."""
        release()  # submitit calls this when its handlers are in place
        if self.runner:
            end_with(*self.runner)
        guard_output()
        logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(asctime)s %(levelname)s %(message)s")
        if self.cores is not None:
            os.environ[CORES_VARIABLE] = str(self.cores)
        if self.gpus is not None:
            os.environ[GPUS_VARIABLE] = str(self.gpus)
        job = _Guarded(self.job, self.requeues, self.code)
        run_attempt(job, self.attempts, self.stage, self.name, self.submission, _log_file(), show)

    def checkpoint(self) -> "DelayedSubmission":
        """What submitit sends back to the queue when the time limit or a preemption is near."""
        from submitit.helpers import DelayedSubmission

        if os.environ.get("SUBMITIT_EXECUTOR") == "slurm" and not answers():
            # In a container, or while the controller is down; submitit would call scontrol, and fail.
            print("SLURM does not answer here: the batch script puts this job back into the queue.", flush=True)
            sys.exit(WARNED)
        return DelayedSubmission(self)


@dataclass(frozen=True)
class _Guarded:
    """A job that refuses to run other code than what was submitted, and to be started by SLURM for ever."""

    job: Job
    requeues: int | None
    code: Path | None

    def __call__(self, progress: Progress = silent) -> None:
        if self.code:
            _check_code(self.code)
        restarts = int(os.environ.get("SLURM_RESTART_COUNT") or 0)
        if self.requeues is not None and restarts > self.requeues:
            raise StartedTooOften(
                f"SLURM started this task again {counted(restarts, 'time')} (time limits, preemptions, lost nodes), "
                f"more than cluster.requeues={self.requeues}; what was done is kept. If it made progress, submit "
                "again; if not, give it more time"
            )
        self.job(progress)


def _check_code(code: Path) -> None:
    """Raise OtherCode unless our packages were imported from a folder."""
    import jobs
    import runner
    import srcnn

    for package in (srcnn, jobs, runner):
        home = Path(next(iter(package.__path__))).parent
        if not (code.exists() and home.samefile(code)):
            raise OtherCode(
                f"this task imports {package.__name__} from {home} and not the copy that was submitted, {code}: "
                "something on its way takes PYTHONPATH from it (a shell's start file, or the command in "
                "cluster.python: a container must pass the environment and mount the folder of results)"
            )


def _log_file() -> str | None:
    if "SUBMITIT_FOLDER" not in os.environ:
        return None
    from submitit import JobEnvironment

    return str(JobEnvironment().paths.stdout)
