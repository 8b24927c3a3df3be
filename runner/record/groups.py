"""Tasks of one stage that have one thing in common, so that thousands are said in a line."""

import re
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass

from runner.record.array_ids import collapse
from runner.record.judged import JudgedTask
from runner.record.matching import task_text
from runner.study.stages import STAGES
from srcnn.words import counted

DETAIL_SHOWN = 4  # lines of an error
JOBS_SHOWN = 4  # arrays, and parts of arrays, in one line


@dataclass(frozen=True)
class TaskGroup:
    """Tasks of one stage that wait, are held or failed for one reason."""

    tasks: list[JudgedTask]

    @property
    def first(self) -> JudgedTask:
        """An example."""
        return self.tasks[0]

    @property
    def text(self) -> str:
        """How many they are; a single one by its name."""
        run = STAGES[self.first.stage].per == "run"
        return task_text(self.first) if len(self.tasks) == 1 else counted(len(self.tasks), "run" if run else "task")

    @property
    def jobs(self) -> list[str]:
        """Their jobs, elements of one array together: ``12_[0-3]``."""
        return collapse(task.job for task in self.tasks if task.job)

    @property
    def jobs_text(self) -> str:
        """Their jobs in words; empty where they have none."""
        names = ", ".join(self.jobs[:JOBS_SHOWN]) + ", ..." * (len(self.jobs) > JOBS_SHOWN)
        return f"job{'s' * ('[' in names or ',' in names)} {names}" if names else ""

    @property
    def failure(self) -> str:
        """The heading of a group that failed."""
        return f"failed: {self.first.stage}: {self.text}{', one cause' * (len(self.tasks) > 1)}: {self.first.cause}"

    @property
    def detail_lines(self) -> list[str]:
        """The first lines of what is said of an example."""
        return self.first.detail.strip().splitlines()[:DETAIL_SHOWN]


def groups_of(tasks: Iterable[JudgedTask], trait: Callable[[JudgedTask], Hashable]) -> list[TaskGroup]:
    """Return tasks grouped by stage and a trait, the largest group first."""
    groups: dict[tuple[str, Hashable], list[JudgedTask]] = {}
    for task in tasks:
        groups.setdefault((task.stage, trait(task)), []).append(task)
    return sorted(map(TaskGroup, groups.values()), key=lambda group: -len(group.tasks))


def by_detail(tasks: Iterable[JudgedTask]) -> list[TaskGroup]:
    """Return tasks grouped by stage and by what is said of them."""
    return groups_of(tasks, lambda task: task.detail)


def failure_groups(failed: Iterable[JudgedTask]) -> list[TaskGroup]:
    """Return failures grouped by stage, cause and message (numbers, paths and ids aside)."""

    def kind(task: JudgedTask) -> tuple[str | None, str]:
        first = task.detail.strip().splitlines()[0] if task.detail.strip() else ""
        return task.cause, re.sub(r"\S*/\S*|\b[0-9a-f]{8,}\b|\b[a-z][0-9a-f]{8,}\b|\d+", "#", first)

    return groups_of(failed, kind)
