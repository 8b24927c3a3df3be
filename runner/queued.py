"""The jobs of a study that the scheduler has at this moment, of whichever submission."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from runner import scheduler
from runner.submission import Key, Submission, submissions, token_in
from srcnn.paths import StudyPaths


@dataclass(frozen=True)
class QueuedJob:
    """A job of the study that the scheduler has: the task it was sent as, its state, its array's token."""

    id: str
    key: Key
    state: str
    token: str

    @property
    def active(self) -> bool:
        """Whether it waits or runs, and is not ending already."""
        return self.state != "COMPLETING"


def queued_jobs(paths: StudyPaths) -> list[QueuedJob]:
    """Every job of the study that is queued, runs or is just ending, of whichever submission.

    Raises SchedulerError if SLURM does not answer.
    """
    return jobs_in_queue(list(submissions(paths)))


def jobs_in_queue(sent: Sequence[Submission]) -> list[QueuedJob]:
    """Those jobs of some submissions that are queued, run or are just ending. Raises SchedulerError."""
    if not sent:
        return []
    arrays = {array.token: array for each in sent for array in each.arrays}
    text = scheduler.call("squeue", "--noheader", "--array", f"--user={users_of(sent)}", "--format=%i|%T|%k")
    found = []
    for line in text.splitlines():
        job, _, rest = line.partition("|")
        state, _, comment = rest.partition("|")
        # Not by its number: a cluster that was set up anew counts from 1 again, and so does one that has
        # used all its numbers; nor by its command, which is a path that may hold anything.
        token = token_in(comment)
        array = arrays.get(token) if token else None
        if array:
            found.append(QueuedJob(job, array.key(job), state, array.token))
    return found


def users_of(sent: Iterable[Submission]) -> str:
    """Whose jobs the submissions' may be, as squeue takes it: the owners of their folders, and who asks."""
    return ",".join(sorted({str(os.getuid()), *(str(each.folder.stat().st_uid) for each in sent)}))
