"""A planned task as the callable that is sent to a machine."""

import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.attempt import run_attempt
from jobs.stage import CORES_VARIABLE, Progress, Stage

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission


# glibc hands large blocks back to the kernel and fetches them again, which costs half of the time
# of array code that makes temporaries; read when a process starts, so set for the children.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "1000000000", "MALLOC_TRIM_THRESHOLD_": "1000000000"}


@dataclass(frozen=True)
class TaskCall:
    """Runs one task wherever it lands, with a record of the attempt.

    It holds no progress: a task that is started again finds on disk what was done before.
    """

    job: Stage
    stage: str
    name: str
    attempts: Path
    cores: int | None = None

    def __call__(self, show: Progress | None = None) -> None:
        """Do the task; its error is recorded and passed on."""
        logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(asctime)s %(levelname)s %(message)s")
        if self.cores is not None:
            os.environ[CORES_VARIABLE] = str(self.cores)
        run_attempt(self.job, self.attempts, self.stage, self.name, _log_file(), show)

    def checkpoint(self) -> "DelayedSubmission":
        """What submitit sends back to the queue when the time limit or a preemption is near."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def _log_file() -> str | None:
    if "SUBMITIT_FOLDER" not in os.environ:
        return None
    from submitit import JobEnvironment

    return str(JobEnvironment().paths.stdout)
