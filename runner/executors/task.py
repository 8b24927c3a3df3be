"""A planned task as the callable that is sent to a machine."""

import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import jobs
import runner
import srcnn
from jobs.attempt import run_attempt
from jobs.gpus import GPUS_VARIABLE
from jobs.job import CORES_VARIABLE, Job, Progress, silent
from runner.executors.inside import HERE, Inside
from runner.record.submission import Key
from runner.record.words import unfinished_text
from srcnn.changed import tell_pages_of
from srcnn.door import guard_output
from srcnn.outputs import Output, Shelf
from srcnn.paths import study_of
from srcnn.words import counted

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission

    from runner.study.plan import PlannedTask


class StartedTooOften(RuntimeError):
    """A task was started again more often than the study allows."""


class Lacking(RuntimeError):
    """Something that a task needs did not finish: it has not begun, and has no attempt on record."""


class OtherCode(RuntimeError):
    """A task does not run the code that was submitted."""


@dataclass(frozen=True)
class TaskCall:
    """A task as it runs wherever it lands, with a record of the attempt.

    It holds no progress: a task that is started again finds on disk what was done before.
    ``submission`` is the name of the submission that it belongs to, ``gpus`` how many it asked for (None:
    nobody says). ``requeues`` bounds how often it may be started again; ``inside`` knows the executor that does;
    ``code`` is the folder of the code that was submitted. ``needs`` are tasks that may have failed when it starts,
    with what they make.
    """

    job: Job
    stage: str
    name: str
    attempts: Path
    submission: str
    inside: Inside = HERE
    cores: int | None = None
    gpus: int | None = None
    requeues: int | None = None
    code: Path | None = None
    needs: tuple[tuple[Key, tuple[Output, ...]], ...] = ()

    @classmethod
    def of(cls, task: "PlannedTask", folder: Path, inside: Inside, **more: Any) -> Self:
        """Return a planned task as it is called when it was submitted with a folder."""
        return cls(task.job, task.stage, task.name, task.attempts, folder.name, inside, **more)

    def __call__(self, show: Progress | None = None) -> None:
        """Do the task; its error is recorded and passed on. Raises Lacking where it cannot begin."""
        self.inside.enter()
        guard_output()
        if lacking := self.lacking():
            raise Lacking(lacking)
        logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(asctime)s %(levelname)s %(message)s")
        if self.cores is not None:
            os.environ[CORES_VARIABLE] = str(self.cores)
        if self.gpus is not None:
            os.environ[GPUS_VARIABLE] = str(self.gpus)
        job = _Guarded(self.job, self.requeues, self.inside, self.code)
        place = self.inside.log(), show, self.inside.job_id()
        run_attempt(job, self.attempts, self.stage, self.name, self.submission, *place)
        tell_pages_of(study_of(self.attempts), self.job.outputs())

    def lacking(self) -> str:
        """Return which task that it needs did not finish, in words; empty if none."""
        shelf = Shelf()
        return next((unfinished_text(*key) for key, outputs in self.needs if not shelf.is_done(outputs)), "")

    def checkpoint(self) -> "DelayedSubmission":
        """Return what submitit sends back to wait for its turn when the time limit or a preemption is near."""
        from submitit.helpers import DelayedSubmission  # which has called this; plans do without submitit

        self.inside.before_going_back()
        return DelayedSubmission(self)


@dataclass(frozen=True)
class _Guarded:
    """A job that refuses to run other code than what was submitted, and to be started again for ever."""

    job: Job
    requeues: int | None
    inside: Inside
    code: Path | None

    def __call__(self, progress: Progress = silent) -> None:
        if self.code:
            _check_code(self.code)
        restarts = self.inside.restarts()
        if self.requeues is not None and restarts > self.requeues:
            raise StartedTooOften(
                f"{self.inside.title} started this task again {counted(restarts, 'time')} (time limits, preemptions, "
                f"lost nodes), more than cluster.requeues={self.requeues}; what was done is kept. If it made progress, "
                "submit again; if not, give it more time"
            )
        self.job(progress)


def _check_code(code: Path) -> None:
    """Raise OtherCode unless our packages were imported from a folder."""
    for package in (srcnn, jobs, runner):
        home = Path(next(iter(package.__path__))).parent
        if not (code.exists() and home.samefile(code)):
            raise OtherCode(
                f"this task imports {package.__name__} from {home} and not the copy that was submitted, {code}: "
                "something on its way takes PYTHONPATH from it (a shell's start file, or the command in "
                "cluster.python: a container must pass the environment and mount the folder of results)"
            )
