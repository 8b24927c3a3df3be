"""What a task learns of the place where it runs, from inside."""

from dataclasses import dataclass
from typing import ClassVar

from jobs.processes import end_with


@dataclass(frozen=True)
class Inside:
    """The place of a task whose executor adds nothing: a process, or a part of one, on this machine.

    It travels with the task to where that runs. ``title`` is what people call the executor,
    ``job`` is the id of a scheduler's job that all of it is part of;
    ``runner`` is the process (number and birth) with which the task ends.
    """

    title: ClassVar[str] = "the executor"
    job: str | None = None
    runner: tuple[int, str] | None = None

    def enter(self) -> None:
        """Prepare the process before the task begins."""
        if self.runner:
            end_with(*self.runner)

    def job_id(self) -> str | None:
        """Return the id of the job that this is, as its scheduler writes it."""
        return self.job

    def log(self) -> str | None:
        """Return the file that takes what the task prints; None if there is none."""
        return None

    def restarts(self) -> int:
        """Return how often the executor has started this job again."""
        return 0

    def before_going_back(self) -> None:
        """Take note that the executor has warned the task, which is about to be sent back to wait for its turn."""


HERE = Inside()
