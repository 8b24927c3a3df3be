"""What stands for an executor that a study was submitted with and that is not here any more."""

from collections.abc import Mapping, Sequence
from typing import NoReturn

from runner.executors.executor import Executor, Presence, Request
from runner.executors.job_state import Answer, Origin, QueuedJob, SchedulerError
from runner.record.submission import Submission


class Absent(Executor):
    """An executor that knows nothing of the jobs that were sent with it, and says why."""

    is_elsewhere = True

    def __init__(self, name: str, why: str) -> None:
        self.name = self.title = name
        self.why = why

    def presence(self) -> Presence:
        """Say that it is not here."""
        return Presence(False, self.why)

    def submit(self, request: Request) -> NoReturn:
        """Raise SchedulerError."""
        raise SchedulerError(self.why)

    def states(self, wanted: Mapping[str, Origin], settled: Mapping[str, Origin]) -> Answer:
        """Return no state of any job, and why."""
        note = f"what became of jobs is unknown ({self.why})"
        return Answer(note=note, answered=False, complete=False) if wanted else Answer()

    def queued(self, sent: Sequence[Submission]) -> list[QueuedJob]:
        """Raise SchedulerError if anything was sent."""
        if sent:
            raise SchedulerError(self.why)
        return []
