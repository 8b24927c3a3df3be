"""What an executor tells of its jobs, in words that fit every executor."""

# On a node its own Python may import this, which may be older than ours.
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from srcnn.pages import CLUSTER

HeldBy = Literal["user", "administrator", "scheduler"]
Phase = Literal["waiting", "running", "ended"]
End = Literal["well", "failed", "killed", "cancelled", "time limit", "node failure", "preempted", "out of memory"]


class SchedulerError(RuntimeError):
    """An executor did not do what was asked; the message holds its own words."""

    page = CLUSTER


@dataclass(frozen=True)
class JobState:
    """What an executor says of one job; ``word`` is the executor's own word for the state.

    Of a job that waits: ``why`` in words for people (empty: for its turn), ``begins`` the time before which it does
    not start, ``held_by`` who must release it first, ``never`` whether what it waits for can no longer come.
    Of one that has ended: how (``end``), its ``exit_code``, whether it was cancelled ``for_want`` of what it needed,
    whether its processes may be ``ending`` still. ``early`` is whether its time limit was far when
    this was told; None where the executor does not say how long it ran, or may run.
    ``node`` is where it runs or ran last; it has not ``started`` if it never had one in this execution.
    """

    phase: Phase
    word: str = ""
    why: str = ""
    begins: str = ""
    held_by: HeldBy | None = None
    never: bool = False
    end: End | None = None
    exit_code: str = ""
    early: bool | None = None
    for_want: bool = False
    ending: bool = False
    node: str = ""
    started: bool = False

    @property
    def alive(self) -> bool:
        """Whether it waits or runs."""
        return self.phase != "ended"


@dataclass(frozen=True)
class Answer:
    """States by job id. ``note`` says what was amiss with the asking.

    ``answered``: a job that is not among the states neither waits nor runs. ``complete``: jobs that ended long ago
    are among them too.
    """

    states: Mapping[str, JobState] = field(default_factory=dict)
    note: str = ""
    answered: bool = True
    complete: bool = True


@dataclass(frozen=True)
class Origin:
    """What tells a job from others that had its id before or have it since; empty fields tell nothing.

    Its name, the token that it was sent with, the executor's time before it was sent, and the user who sent it.
    """

    name: str = ""
    token: str = ""
    sent_at: float = 0.0
    owner: int | None = None


@dataclass(frozen=True)
class QueuedJob:
    """A job of a study that an executor has: the task it was sent as, its state in the executor's word, its token.

    It is ``active`` unless it is ending already.
    """

    id: str
    key: tuple[str, str]
    state: str
    token: str
    active: bool = True
