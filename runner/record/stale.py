"""What was derived from a file that is gone: found, and taken out of the way when it is made again.

The submission does it once, before any task runs: a task never deletes another's results.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path

from jobs.folders import remove_folder
from jobs.job import Lost, Stale
from runner.record.submission import Key
from runner.study.plan import PlannedTask
from srcnn.aside import Aside
from srcnn.damage import set_aside
from srcnn.paths import StudyPaths
from srcnn.shards import set_aside_damaged
from srcnn.whole import is_cut


def set_damaged_aside(paths: StudyPaths, tasks: Sequence[PlannedTask]) -> int:
    """Move away results that are empty, cut or no files, and return how many; what is in them is checked when read."""
    count = sum(map(set_aside_damaged, paths.scores("").glob("*")))
    for file in _files_to_check(tasks):
        if is_cut(file):
            set_aside(file)
            count += 1
    for task in tasks:
        for file in task.job.to_read():
            with suppress(OSError):  # one that a disk does not give costs its own scores, when it is read
                if is_cut(file) and set_aside(file):
                    count += 1
    return count


def _files_to_check(tasks: Sequence[PlannedTask]) -> Iterable[Path]:
    for task in tasks:
        for output in task.outputs:
            if output.kind == "file":
                yield from (place for _, place in output.places())


def stale_results(tasks: Sequence[PlannedTask]) -> list[tuple[Key, Stale]]:
    """Return what was derived from a file that is gone, with the task that makes it again; nothing is changed.

    A lost checkpoint takes its epoch's pictures and scores with it, a lost picture its own scores.
    """
    lost: dict[Key, Lost] = {}
    results = []
    for task in tasks:
        needed = dict(chain.from_iterable(lost[need.key].items() for need in task.needs))
        lost[task.key] = task.job.lost(needed)
        results += [(task.key, result) for result in task.job.stale(needed)]
    return results


def delete(aside: Aside) -> None:
    """Delete what was taken away, for good."""
    for place in aside.forget():
        if place.is_dir():
            remove_folder(place)
        else:
            place.unlink(missing_ok=True)
