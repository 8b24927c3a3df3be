"""Whether ``runner.status`` tells the truth: what it said, against what was so just before and just after."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from runner.record.state import StudyStatus
from runner.study.plan import Plan

from .studies import Key, at_work


@dataclass(frozen=True)
class Moment:
    """What is so at one moment: jobs in the queue with their state (None: the queue did not answer), living tasks."""

    queue: Mapping[Key, tuple[str, str]] | None  # the job's id and its state
    living: frozenset[Key] = field(default_factory=frozenset)


def living(study: Path) -> frozenset[Key]:
    """The tasks that a process works on."""
    return frozenset((each["stage"], each["task"]) for each in at_work(study))


def lies(status: StudyStatus, plan: Plan, before: Moment, after: Moment) -> Iterable[str]:
    """What a status said that was true neither before nor after it was asked."""
    jobs = {task.key: task.job for task in plan.tasks}
    for task in status.tasks:
        queued = _unchanged(task.key, before, after)
        works = task.key in before.living and task.key in after.living
        gone = _absent(task.key, before, after)
        said = f"{task.stage} {task.name} is {task.state}" + (f" ({task.cause}: {task.detail})" * bool(task.cause))
        if task.state == "done" and task.stage != "report" and not jobs[task.key].is_done():
            yield f"{said}; its files are not there"
        elif task.state in ("failed", "missing") and works:
            yield f"{said}; a process works on it"
        elif task.state in ("failed", "missing") and queued in ("PENDING", "RUNNING") and task.cause != "dependency":
            yield f"{said}; its job is {queued}"
        elif task.state == "running" and gone:
            yield f"{said}; no process works on it, no job of it is queued"
        elif task.state == "waiting" and works and queued == "RUNNING":
            yield f"{said}; its job runs and a process works on it"


def _unchanged(key: Key, before: Moment, after: Moment) -> str | None:
    """The state of a task's job that was the same at both moments."""
    if before.queue is None or after.queue is None:
        return None
    job = before.queue.get(key)
    return job[1] if job and after.queue.get(key) == job else None


def _absent(key: Key, before: Moment, after: Moment) -> bool:
    """Whether at both moments nothing worked on a task and nothing of it was queued."""
    moments = (before, after)
    return all(each.queue is not None and key not in each.queue and key not in each.living for each in moments)
