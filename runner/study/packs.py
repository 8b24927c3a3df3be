"""How many tasks of a stage share one job: as the study says, or as many as its time limit has room for."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

from jobs.attempt import last_attempts
from runner.study.plan import Plan, PlannedTask
from runner.study.stages import STAGES
from srcnn.schema import Attempt

Item = TypeVar("Item")
FILLED = 0.8  # of a time limit; what is left is for tasks that take longer than those before them


@dataclass(frozen=True)
class Pack:
    """How many tasks one job has, and how many of them it does at once: one that ends makes room for the next."""

    size: int = 1
    at_once: int = 1

    def jobs(self, count: int) -> int:
        """Return how many jobs so many tasks take."""
        return -(-count // self.size)


ALONE = Pack()


def in_parts(items: Sequence[Item], size: int) -> list[tuple[Item, ...]]:
    """Return what stands in a row in parts of a size, of which the last may be smaller."""
    return [tuple(items[first : first + size]) for first in range(0, len(items), size)]


def packs_of(plan: Plan) -> Mapping[str, Pack]:
    """Return the pack of each stage whose tasks share jobs.

    Where the study says ``auto``, a job has as many tasks as fit into its time limit by the pace of those that
    have ended; while none has, as many as it does at once.
    """
    packs = {}
    for stage in STAGES:
        asked = plan.study.cluster.stage(stage)
        rounds = 1
        if asked.pack == "auto" and asked.timeout_min:
            seconds = usual_seconds(plan.stage(stage), asked.at_once)
            rounds = max(1, int(FILLED * 60 * asked.timeout_min / seconds)) if seconds else 1
        pack = Pack(rounds * asked.at_once, asked.at_once)
        if pack.size > 1:
            packs[stage] = pack
    return packs


def usual_seconds(tasks: Iterable[PlannedTask], at_once: int) -> float | None:
    """Return how long one of some tasks takes beside so many others, by the epochs (steps) of attempts that ended.

    Where none shared its job yet, each is taken to slow the others down as if all took turns. None without any.
    """
    keys = {task.key: task.attempts for task in tasks}
    ended: list[tuple[str | None, float]] = []
    for folder in dict.fromkeys(keys.values()):
        for key, (attempt, _) in last_attempts(folder).items():
            if key in keys and (seconds := _seconds(attempt)):
                ended.append((attempt.job, seconds))
    in_job = Counter(job for job, _ in ended if job)
    shared = [seconds for job, seconds in ended if job and in_job[job] > 1]
    if shared or not ended:
        return median(shared) if shared else None
    return at_once * median(seconds for _, seconds in ended)


def _seconds(attempt: Attempt) -> float | None:
    """Return how long the whole task takes at an attempt's pace; None if it made no step, or has not ended."""
    if attempt.end is None or attempt.done <= attempt.first:
        return None
    return (attempt.end - attempt.start) / (attempt.done - attempt.first) * attempt.total
