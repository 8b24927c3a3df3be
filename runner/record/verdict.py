"""What a task's own record and its executor's word together mean: one table, pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from runner.executors.job_state import JobState
from srcnn.schema import Outcome

TaskState = Literal["done", "running", "waiting", "held", "failed", "missing"]
STATES: tuple[TaskState, ...] = get_args(TaskState)
Verdict = Literal[
    "runs",
    "is being ended",
    "waits for what cannot come",
    "is held",
    "is in the queue",
    "is damaged",
    "is done",
    "said why it failed",
    "job ended",
    "not answered for",
    "was stopped",
    "died",
    "job is unknown",
    "lacks what it needs",
    "has its turn to come",
    "was not sent",
]
STATE_OF: dict[Verdict, TaskState] = {
    "runs": "running",
    "is being ended": "running",
    "waits for what cannot come": "failed",
    "is held": "held",
    "is in the queue": "waiting",
    "is damaged": "failed",
    "is done": "done",
    "said why it failed": "failed",
    "job ended": "failed",
    "not answered for": "waiting",
    "was stopped": "failed",
    "died": "failed",
    "job is unknown": "failed",
    "lacks what it needs": "failed",
    "has its turn to come": "waiting",
    "was not sent": "missing",
}


@dataclass(frozen=True)
class Signs:
    """What tells how a task is.

    ``outcome`` is that of its last attempt, if this counts, and ``alive`` whether the process of that lives (None:
    it cannot be seen). ``job`` is what its executor says of its job, if it was ``sent`` as one; ``answered`` and
    ``complete`` are those of the executor's Answer. ``done`` is whether its files are there and all that it shows has
    ended, ``lacking`` whether something failed that it needs, ``watched`` whether a process runs the study.
    """

    outcome: Outcome | None = None
    alive: bool | None = None
    sent: bool = False
    job: JobState | None = None
    answered: bool = True
    complete: bool = True
    done: bool = False
    damaged: bool = False
    lacking: bool = False
    watched: bool = False

    @property
    def in_queue(self) -> bool:
        """Whether the job waits or runs; a task that says it has ended runs only where it was put back since."""
        told = self.job
        return told is not None and told.alive and (told.phase == "waiting" or self.outcome not in ("done", "failed"))

    @property
    def waiting(self) -> JobState | None:
        """The job, if it waits."""
        return self.job if self.job and self.job.phase == "waiting" else None


def _works_here(signs: Signs) -> bool:
    return (
        not signs.sent and signs.outcome == "running" and bool(signs.alive or (signs.alive is None and signs.watched))
    )


# A scheduler says that a job has ended so when it begins to end its processes.
_ENDED_FROM_OUTSIDE = ("cancelled", "time limit")

# The first that is so counts.
TABLE: tuple[tuple[Callable[[Signs], object], Verdict], ...] = (
    # Its own record is ahead of what keeps account, and nobody is there to say so.
    (lambda s: s.outcome == "running" and s.job and s.job.alive and not s.answered, "runs"),
    (lambda s: s.waiting and s.waiting.never, "waits for what cannot come"),
    (lambda s: s.waiting and s.waiting.held_by, "is held"),
    (lambda s: s.waiting, "is in the queue"),
    (lambda s: s.in_queue, "runs"),
    (_works_here, "runs"),
    (lambda s: s.damaged, "is damaged"),
    (lambda s: s.done, "is done"),
    (lambda s: s.outcome == "failed", "said why it failed"),
    (
        lambda s: s.outcome == "running" and s.job and s.job.ending and s.job.end in _ENDED_FROM_OUTSIDE,
        "is being ended",
    ),
    # It began although something that it needs had failed, saw that, and did nothing.
    (lambda s: s.lacking and not s.outcome and s.job and s.job.end == "failed", "lacks what it needs"),
    (lambda s: s.job and not s.job.alive, "job ended"),
    (lambda s: s.sent and not s.job and not s.answered and s.outcome == "running", "runs"),
    (lambda s: s.sent and not s.job and not s.answered, "not answered for"),
    (lambda s: s.outcome == "interrupted", "was stopped"),
    (lambda s: s.outcome == "running", "died"),
    (lambda s: s.sent and not s.complete, "job is unknown"),
    (lambda s: s.lacking, "lacks what it needs"),
    (lambda s: s.watched, "has its turn to come"),
    (lambda s: True, "was not sent"),
)


def verdict(signs: Signs) -> Verdict:
    """Return what the signs mean."""
    return next(verdict for is_so, verdict in TABLE if is_so(signs))
