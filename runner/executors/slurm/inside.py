"""What a task of a SLURM job learns of its place, from inside."""

import os
import sys
from dataclasses import dataclass
from typing import ClassVar

from runner.executors.in_submitit import InSubmitit
from runner.executors.slurm.hold import release
from runner.executors.slurm.requeue import RESTARTS, WARNED
from runner.executors.slurm.scheduler import answers
from runner.record.array_ids import element


def own_job() -> str | None:
    """Return the id of the SLURM job that this process belongs to, as sacct writes it; None outside of jobs."""
    array, index = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return element(array, index) if array and index else os.environ.get("SLURM_JOB_ID")


@dataclass(frozen=True)
class InSlurm(InSubmitit):
    """A job of SLURM's, or one element of an array."""

    title: ClassVar[str] = "SLURM"

    def enter(self) -> None:
        """Let the signals through that had to wait: submitit calls a task when its handlers are in place."""
        release()

    def job_id(self) -> str | None:
        """Return the job's id, as sacct writes it."""
        return own_job()

    def restarts(self) -> int:
        """Return how often SLURM has started this job again."""
        return int(os.environ.get(RESTARTS) or 0)

    def before_going_back(self) -> None:
        """Leave it to the batch script where SLURM cannot be reached: submitit would call scontrol, and fail."""
        if not answers():  # in a container, or while the controller is down
            print("SLURM does not answer here: the batch script puts this job back into the queue.", flush=True)
            sys.exit(WARNED)
