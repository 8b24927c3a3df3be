"""What every executor can do: the one interface between what is to be done and where it is done."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from runner.executors.job_state import Answer, Origin, QueuedJob
from runner.executors.root import Trouble, unusable
from runner.record.submission import Key, Submission
from runner.study.cluster import ClusterConfig
from runner.study.config import ConfigError
from runner.study.plan import Plan, PlannedTask
from srcnn.paths import StudyPaths


class Presence(NamedTuple):
    """Whether an executor is here, for whoever leaves the choice to the runner, and what to say of it."""

    here: bool
    words: str = ""


WatchedState = Literal["waiting", "running", "done", "failed", "skipped"]


@dataclass
class WatchedTask:
    """Where a task stands that runs while the process that submitted it waits."""

    task: PlannedTask
    cores: int = 1
    gpu: bool = False
    state: WatchedState = "waiting"
    started: float = 0.0
    seconds: float = 0.0
    error: str = ""
    log: str | None = None


Watcher = Callable[[Sequence[WatchedTask]], None]


@dataclass(frozen=True)
class Room:
    """How much of this machine tasks may take at once: its cores (None: all), and how many of them share one GPU."""

    cores: int | None = None
    runs_per_gpu: int = 1


def _nobody(states: Sequence[WatchedTask]) -> None:
    """Watch nothing."""


@dataclass(frozen=True)
class Request:
    """What is asked of an executor: the tasks of a plan, each after those that it needs.

    ``submission`` has the folder for whatever the executor writes, and takes arrays on record. ``active`` gives the
    job of each task that waits or runs already. ``room`` is how much of this machine may be taken. ``watch`` is told of
    the tasks' states, again and again, by an executor that waits for their end.
    """

    plan: Plan
    tasks: Sequence[PlannedTask]
    submission: Submission
    active: Mapping[Key, str] = field(default_factory=dict)
    room: Room = Room()
    watch: Watcher = _nobody

    @property
    def folder(self) -> Path:
        """The submission's folder."""
        return self.submission.folder


class Executor(Protocol):
    """A way to have tasks done.

    Where ``is_elsewhere`` is true, ``submit`` sends jobs that go on when this process has ended, and the second half
    of the methods tells what became of them. Otherwise ``submit`` returns when all tasks have ended, the process that
    called it holds the study meanwhile, and there are no jobs to tell of. ``title`` is what people call it.
    """

    name: str
    title: str
    is_elsewhere: bool
    heeds_room: bool = False  # whether tasks take no more of this machine than Request.room says
    look: str = ""  # the command with which people look at its jobs
    troubles: tuple[Trouble, ...] = ()  # what the name of a folder of results may not hold

    # Before anything is asked of it.

    def presence(self) -> Presence:
        """Say whether it is here, for ``--executor auto``."""
        ...

    def refuse(self, cluster: ClusterConfig, root: Path) -> None:
        """Raise ConfigError for settings that it cannot follow, and for a folder of results that it cannot use."""
        if why := unusable(root, self.troubles):
            raise ConfigError(f"{why}; choose another folder with --root")

    def notes(self) -> Iterable[str]:
        """Give what people should know of their surroundings, in sentences."""
        return ()

    def asks(self, plan: Plan, tasks: Sequence[PlannedTask], room: Room) -> Mapping[str, str]:
        """Return what one task of each stage asks for, in words; "-" stands for a stage that is not there."""
        return {}

    def cost(self, plan: Plan, tasks: Sequence[PlannedTask]) -> str:
        """Return what some tasks may cost, in a line; empty if there is nothing to say."""
        return ""

    def batch_files(self, plan: Plan, tasks: Sequence[PlannedTask]) -> Mapping[str, str]:
        """Return what it would send, as text by stage, for people to read; nothing is written."""
        return {}

    # Asking.

    def submit(self, request: Request) -> Sequence[WatchedTask]:
        """Have the tasks done, and return how each ended; where ``is_elsewhere``, send them, and return nothing.

        A failed task stops only those that need it. Whatever is sent is taken on record before it can run
        (``request.submission.intend``, ``.number``), and taken back where all of it cannot be sent. Raises
        SchedulerError with the executor's words; an interrupt passes on once nothing of it runs.
        """
        ...

    # Of jobs elsewhere.

    def states(self, wanted: Mapping[str, Origin], settled: Mapping[str, Origin]) -> Answer:
        """Return the states of jobs by id, with one question for all of them.

        ``settled`` jobs have nothing more to do: the answer has only those that are held. Raises nothing: the answer
        says what is amiss.
        """
        return Answer()

    def queued(self, sent: Sequence[Submission]) -> list[QueuedJob]:
        """Return the jobs of some submissions that wait, run or are just ending. Raises SchedulerError."""
        return []

    def cancel(self, jobs: Sequence[str]) -> None:
        """Cancel jobs by id; that some have ended is no error. Raises SchedulerError."""
        return None

    def log(self, folder: Path, stage: str, job: str) -> Path | None:
        """Return where the output of a job of a submission lies; None where a task's own record alone tells it."""
        return None

    def find_unrecorded(self, paths: StudyPaths, sent: Sequence[Submission]) -> list[Submission]:
        """Return submissions with the ids of jobs whose sender was killed before it could write them down.

        Raises SchedulerError if the executor cannot tell now.
        """
        return list(sent)

    def take_on_record(self, paths: StudyPaths, sent: Sequence[Submission]) -> Iterable[str]:
        """Write the ids of such jobs down, and give a line for each. The caller holds the study's lock."""
        return ()

    def release(self, jobs: Sequence[str]) -> None:
        """Let held jobs go, by id; that some have ended is no error. Raises SchedulerError."""
        return None

    def keep_out(self, jobs: Sequence[str], node: str, why: str) -> str:
        """Return how to keep held jobs from a node that may be why they are held; empty if it is not."""
        return ""

    def enclosing_job(self) -> str | None:
        """Return the id of the job of this executor that this very process is part of; None if it is part of none."""
        return None

    def says_memory(self, log: Path) -> bool:
        """Say whether the executor wrote into a job's log that it killed it for its memory."""
        return False
