"""The jobs of a study that the scheduler has at this moment, of whichever submission."""

import os
from dataclasses import dataclass
from pathlib import Path

from runner import scheduler
from runner.submission import Key, submissions
from srcnn.paths import StudyPaths


@dataclass(frozen=True)
class QueuedJob:
    """A job of the study that the scheduler has: the task it was sent as, and its state."""

    id: str
    key: Key
    state: str

    @property
    def active(self) -> bool:
        """Whether it waits or runs, and is not ending already."""
        return self.state != "COMPLETING"


def queued_jobs(paths: StudyPaths) -> list[QueuedJob]:
    """Every job of the study that is queued, runs or is just ending, of whichever submission.

    Raises SchedulerError if SLURM does not answer.
    """
    sent = [(each.folder.name, each.folder.stat().st_uid, each.job_ids()) for each in submissions(paths)]
    if not sent:
        return []
    keys = {(name, job): key for name, _, jobs in sent for key, job in jobs.items()}
    users = ",".join(sorted({str(os.getuid()), *(str(owner) for _, owner, _ in sent)}))
    text = scheduler.call("squeue", "--noheader", "--array", f"--user={users}", "--format=%i|%T|%o")
    found = []
    for line in text.splitlines():
        job, state, script = line.split("|", 2)
        # A cluster that was set up anew counts from 1 again, so a number alone may be anybody's:
        # the batch file lies in .../submissions/<time>/<stage>/.
        name = Path(script.split()[0]).parent.parent.name if script.strip() else ""
        key = keys.get((name, job))
        if key:
            found.append(QueuedJob(job, key, state))
    return found
