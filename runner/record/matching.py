"""The tasks of a study that somebody means by a word: a run, a part of its label, a stage, a task."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from runner.record.judged import JudgedTask

if TYPE_CHECKING:
    from runner.study.plan import PlannedTask

LISTED = 8  # names in an error


class UnknownName(ValueError):
    """A name that stands for nothing, or for too much; the message lists the names that there are."""


def run_of(task: "JudgedTask | PlannedTask") -> str:
    """Return the id of the run that a task belongs to; the name of a task that belongs to none."""
    return task.run or task.name


def task_text(task: "JudgedTask | PlannedTask") -> str:
    """Return a task in words: stage, label, block."""
    block = task.name.removeprefix(run_of(task)).lstrip(".")
    name = task.label or (task.name if task.name != task.stage else "")
    return " ".join(filter(None, [task.stage, name, f"block {block}" if block else ""]))


def of_stage(tasks: Sequence[JudgedTask], stage: str) -> list[JudgedTask]:
    """Return the tasks of a stage. Raises UnknownName if the study has no such stage."""
    chosen = [task for task in tasks if task.stage == stage]
    if not chosen:
        raise UnknownName(f"--stage {stage}: no such stage; this study has {', '.join(_stages(tasks))}")
    return chosen


def matching(tasks: Sequence[JudgedTask], what: str) -> list[JudgedTask]:
    """Return the tasks that ``what`` names: a stage, or what ``matching_runs`` takes. Raises UnknownName."""
    of_that_stage = [task for task in tasks if task.stage == what]
    return of_that_stage or matching_runs(tasks, what, _stages(tasks))


def matching_runs(tasks: Sequence[JudgedTask], what: str, stages: Sequence[str] = ()) -> list[JudgedTask]:
    """Return the tasks of a run, or one task, by id, whole parts of the label, the beginning of an id, or letters.

    ``seed=1`` is a whole part of ``wide seed=1`` and not of ``wide seed=10``; only where it is no
    run's part are labels that merely contain it meant. Raises UnknownName, which also names ``stages``.
    """
    named = [task for task in tasks if what in (task.name, run_of(task))]
    if named:
        return named
    words = set(what.split())
    labelled = [task for task in tasks if words and words <= set(task.label.split())]
    if labelled:
        return labelled
    beginning, dot, block = what.partition(".")
    begun = [
        task
        for task in tasks
        if beginning and task.name.startswith(beginning) and (not dot or task.name.endswith(f".{block}"))
    ]
    if len({run_of(task) for task in begun}) == 1:
        return begun
    containing = [task for task in tasks if what and what in task.label]
    if containing:
        return containing
    if begun:
        raise UnknownName(f"{what} is the beginning of several names: {_listed(_runs(begun))}")
    raise UnknownName(f"{what}: no run, stage or task is called so; {_near(tasks, what, stages)}")


def _near(tasks: Sequence[JudgedTask], what: str, stages: Sequence[str]) -> str:
    labels = list(dict.fromkeys(task.label for task in tasks if task.label))
    parts = [part for label in labels for part in label.split()]
    names = [*stages, *labels, *parts, *(task.name for task in tasks)]
    close = get_close_matches(what, dict.fromkeys(names), n=4, cutoff=0.6)
    if close:
        return f"did you mean {', '.join(close)}?"
    of_stages = f"the stages {', '.join(stages)}, and " if stages else ""
    return f"there are {of_stages}the runs {_listed(_runs(tasks))}"


def _stages(tasks: Iterable[JudgedTask]) -> list[str]:
    return list(dict.fromkeys(task.stage for task in tasks))


def _runs(tasks: Iterable[JudgedTask]) -> list[str]:
    """Return each run's id with its label."""
    labels = {run_of(task): task.label for task in tasks if task.label}
    return [f"{run} ({label})" for run, label in labels.items()] or sorted({run_of(task) for task in tasks})


def _listed(names: Sequence[str]) -> str:
    more = f", and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
