"""What was derived from a file that is gone: found, and taken out of the way when it is made again.

Done once, by the submission, before any task runs: a task never deletes another's results.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jobs.baseline import Baseline
from jobs.evaluate import Evaluate
from jobs.folders import remove_folder
from jobs.render import Render
from jobs.train import Train
from runner.plan import Plan, Task
from runner.submission import Key
from srcnn.aside import Aside
from srcnn.damage import set_aside
from srcnn.paths import GROUPS
from srcnn.shards import has_rows, set_aside_damaged
from srcnn.whole import is_cut


@dataclass(frozen=True)
class Stale:
    """A result whose origin is gone: the task that makes it again, where it lies, and what takes it away."""

    task: Key
    place: Path
    take: Callable[[Aside], None]


def set_damaged_aside(plan: Plan) -> int:
    """Number of results moved away because they are empty, cut or no files; what lies within is checked when read."""
    count = sum(map(set_aside_damaged, plan.paths.scores("").glob("*")))
    for file in _files_to_check(plan):
        if is_cut(file):
            set_aside(file)
            count += 1
    for task in plan.tasks:
        for picture in task.job.to_score() if isinstance(task.job, Baseline | Evaluate) else ():
            with suppress(OSError):  # one that a disk does not give costs its own scores, when it is read
                if is_cut(picture) and set_aside(picture):
                    count += 1
    return count


def _files_to_check(plan: Plan) -> Iterable[Path]:
    for task in plan.tasks:
        for output in task.outputs:
            if output.kind == "file":
                yield from (place for _, place in output.places())


def stale_results(plan: Plan) -> list[Stale]:
    """What was derived from a file that is gone; nothing is changed.

    A lost checkpoint takes its epoch's pictures and scores with it, a lost picture its own scores.
    """
    return [*_pictures(plan), *_scores(plan), *_baselines(plan)]


def _pictures(plan: Plan) -> Iterator[Stale]:
    for task in plan.stage("render"):
        assert isinstance(task.job, Render)
        for epoch in _untrained(task.needs[0]):
            for group in GROUPS:
                folder = task.job.paths.rendered_epoch(group, epoch)
                if folder.exists():
                    yield Stale(task.key, folder, partial(_take_folder, folder))


def _take_folder(folder: Path, aside: Aside) -> None:
    aside.take(folder)


def _scores(plan: Plan) -> Iterator[Stale]:
    for task in plan.stage("evaluate"):
        job, render = task.job, task.needs[0]
        assert isinstance(job, Evaluate)
        assert isinstance(render.job, Render)
        untrained = _untrained(render.needs[0])
        for epoch in sorted({*untrained, *render.job.missing_epochs()}):
            if has_rows(job.shard(epoch)):
                block = {(each.name, picture.name) for each, picture in job.pictures()}
                lost = block if epoch in untrained else block & render.job.lacking(epoch)
                if lost:
                    yield Stale(
                        task.key, job.shard(epoch), partial(job.take_scores, epoch, None if lost == block else lost)
                    )


def _baselines(plan: Plan) -> Iterator[Stale]:
    for task in plan.stage("baseline"):
        assert isinstance(task.job, Baseline)
        lost = task.job.lacking()
        if lost and has_rows(task.job.shard):
            yield Stale(task.key, task.job.shard, partial(task.job.take_scores, lost))


def _untrained(task: Task) -> list[int]:
    assert isinstance(task.job, Train)
    return task.job.missing_epochs()


def delete(aside: Aside) -> None:
    """Delete what was taken away, for good."""
    for place in aside.forget():
        if place.is_dir():
            remove_folder(place)
        else:
            place.unlink(missing_ok=True)
