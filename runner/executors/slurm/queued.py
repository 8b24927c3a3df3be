"""The jobs of a study that the scheduler has at this moment, of whichever submission."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from runner.executors.slurm import scheduler
from runner.record.submission import Key, Submission, sent_jobs, submissions, token_in
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
    by_token = {array.token: array for each in sent for array in each.arrays}
    by_id = {job.id: job for job in sent_jobs(sent)}
    who = f"--user={users_of(sent)}"
    text = scheduler.call("squeue", "--noheader", "--array", who, "--format=%i|%T|%V|%j|%k", times="%s")
    found = []
    for line in text.splitlines():
        job, *fields = line.split("|", 4)
        if len(fields) < 4:
            continue  # of a comment
        state, submit, name, comment = fields
        # Not by its number alone: a cluster that was set up anew counts from 1 again, and so does one that has
        # used all its numbers; nor by its command, which is a path that may hold anything.
        token = token_in(comment)
        if token:
            array = by_token.get(token)
        else:  # a site, or its user, gave it another comment
            array = by_id[job].array if job in by_id and by_id[job].origin.fits(name, comment, submit) else None
        if array:
            found.append(QueuedJob(job, array.key(job), state, array.token))
    return found


def users_of(sent: Iterable[Submission]) -> str:
    """Whose jobs the submissions' may be, as squeue takes it: the owners of their folders, and who asks."""
    return ",".join(sorted({str(os.getuid()), *(str(each.folder.stat().st_uid) for each in sent)}))
