"""What is known of a task once it was judged: where it stands, and why."""

from dataclasses import dataclass
from typing import Literal

from runner.executors.job_state import HeldBy
from runner.record.submission import Key
from runner.record.verdict import TaskState

Cause = Literal[
    "exception",
    "out of memory",
    "time limit",
    "node failure",
    "preempted",
    "cancelled",
    "killed",
    "dependency",
    "started too often",
    "no GPU",
    "damaged",
    "unknown",
]


@dataclass(frozen=True)
class JudgedTask:
    """One task: its state, why it waits or failed, how far it is.

    ``cause`` tells failures apart, ``detail`` says it in words (an exception's type and message, what
    is waited for). ``done`` of ``total`` steps, ``note`` and ``seconds_left`` are of a running task.
    A held task has a job that does not start until ``held_by`` releases it; ``host`` is where it ran last, and
    ``executor`` the name of who has its job.
    """

    stage: str
    name: str
    label: str
    state: TaskState
    cause: Cause | None = None
    detail: str = ""
    done: int = 0
    total: int = 0
    note: str = ""
    seconds_left: float | None = None
    attempts: int = 0
    job: str | None = None
    host: str | None = None
    log: str | None = None
    held_by: HeldBy | None = None
    executor: str | None = None
    run: str | None = None

    @property
    def under_way(self) -> bool:
        """Whether its job is queued or runs, so that it is not sent again."""
        return self.state in ("running", "waiting", "held")

    @property
    def key(self) -> Key:
        """Stage and name."""
        return self.stage, self.name
