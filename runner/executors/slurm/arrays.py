"""How missing tasks become arrays that wait for one another, run by run: pure, nothing is sent here."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

from runner.record.array_ids import array_of, element
from runner.record.submission import Key
from runner.study.cluster import ClusterConfig
from runner.study.packs import ALONE, Pack, in_parts
from runner.study.plan import PlannedTask
from runner.study.stages import STAGES, Per

Kind = Literal["afterok", "aftercorr", "afterany"]


@dataclass
class Batch:
    """One array to be: its tasks, and the batches, elements of batches or known jobs that it waits for.

    ``pack`` is how many of its tasks, which stand in a row, share one job; ``parallelism`` is how many of its jobs may
    run at once.
    """

    stage: str
    tasks: list[PlannedTask]
    waits: list[tuple[Kind, "Batch | Element | str"]] = field(default_factory=list)
    parallelism: int | None = None
    pack: Pack = ALONE
    token: str = ""  # in its comment
    job: str = ""  # its number, once it is sent

    @property
    def jobs(self) -> list[tuple[PlannedTask, ...]]:
        """The tasks of each of its jobs."""
        return in_parts(self.tasks, self.pack.size)

    @property
    def is_unsure(self) -> bool:
        """Whether a task may start when what it needs has failed, as where that shared a job with others."""
        return any(isinstance(on, Element) for _, on in self.waits)

    def dependency(self) -> str | None:
        """Return what it waits for, as sbatch takes it, once the batches that it waits for were sent."""
        by_kind: dict[Kind, dict[str, None]] = {}
        for kind, on in self.waits:
            by_kind.setdefault(kind, {})[on if isinstance(on, str) else on.job] = None
        return ",".join(":".join([kind, *jobs]) for kind, jobs in by_kind.items()) or None


@dataclass(frozen=True)
class Element:
    """One job of a batch."""

    batch: Batch
    index: int

    @property
    def job(self) -> str:
        """Its id, once the batch is sent."""
        return element(self.batch.job, self.index) if len(self.batch.jobs) > 1 else self.batch.job


def arrange(
    cluster: ClusterConfig,
    tasks: Sequence[PlannedTask],
    active: Mapping[Key, str],
    array_size: int,
    packs: Mapping[str, Pack] | None = None,
) -> list[Batch]:
    """Return the arrays to send, each after those that it waits for.

    Runs that lack the same tasks share arrays of at most ``array_size`` elements: those of one run
    wait for each other and for no other run, or, where tasks share jobs (``packs``, by stage), for those that share
    theirs. ``active`` gives the job of each task that is queued or running already; what needs such a task waits for
    its job.
    """
    packs, array_size = packs or {}, max(1, array_size)
    shared = [batch for stage in _stages("patches", "degradation") for batch in _shared(tasks, stage, array_size)]
    batches = list(shared)
    for lacking, runs in _runs_alike(tasks).items():
        at_most = array_size * packs.get(lacking[0][0], ALONE).size
        for first in range(0, len(runs), at_most):
            batches += _chain(lacking, runs[first : first + at_most], shared, active, packs, array_size)
    _share_parallelism(cluster, batches)
    last = [task for task in tasks if STAGES[task.stage].after]
    everything: list[tuple[Kind, Batch | str]] = [("afterany", batch) for batch in batches]
    everything += [("afterany", number) for number in _numbers(active, active)]
    return [*batches, *(Batch(task.stage, [task], list(everything)) for task in last)]


def _stages(*per: Per) -> list[str]:
    return [name for name, stage in STAGES.items() if stage.per in per]


def _shared(tasks: Sequence[PlannedTask], stage: str, array_size: int) -> list[Batch]:
    of_stage = [task for task in tasks if task.stage == stage]
    return [Batch(stage, of_stage[first : first + array_size]) for first in range(0, len(of_stage), array_size)]


Place = tuple[str, str]  # a stage of runs, and which block of one


def _runs_alike(tasks: Sequence[PlannedTask]) -> dict[tuple[Place, ...], list[dict[Place, PlannedTask]]]:
    """Return runs by the places of the tasks that they lack, and of each run these tasks by place."""
    runs: dict[str, dict[Place, PlannedTask]] = defaultdict(dict)
    for task in tasks:
        if task.run:
            runs[task.run][task.stage, task.name.removeprefix(task.run)] = task
    alike: dict[tuple[Place, ...], list[dict[Place, PlannedTask]]] = defaultdict(list)
    for places in runs.values():
        alike[tuple(places)].append(places)
    return alike


def _chain(
    lacking: Sequence[Place],
    runs: list[dict[Place, PlannedTask]],
    shared: list[Batch],
    active: Mapping[Key, str],
    packs: Mapping[str, Pack],
    array_size: int,
) -> list[Batch]:
    """Return the arrays of runs that lack the same tasks; where none share jobs, one a place.

    Then element i of each belongs to the same run. Tasks that share jobs stand in one row, run by run, and what needs
    them has an array for every job of theirs, which waits for that job alone.
    """
    made: dict[Key, Element] = {}
    batches = []
    for stage in dict.fromkeys(stage for stage, _ in lacking):
        places, pack = [place for place in lacking if place[0] == stage], packs.get(stage, ALONE)
        rows = [[run[place] for run in runs] for place in places]
        if pack is not ALONE:
            rows = [[run[place] for run in runs for place in places]]
        for tasks in (part for row in rows for part in _parts(row, pack, made, array_size)):
            batch = Batch(stage, tasks, pack=pack)
            needs = {need.key: need for task in tasks for need in task.needs}
            batch.waits += _waits_within(batch, made)
            for needed in dict.fromkeys(need.stage for need in needs.values()):
                several = [other for other in shared if other.stage == needed]
                # With several sets of patches, one that fails must not take the runs of the others with
                # it: a training whose patches are not there says so.
                kind: Kind = "afterok" if len(several) == 1 == len(several[0].tasks) else "afterany"
                batch.waits += [(kind, other) for other in several]
            # What runs already may end in any way: a task whose input is not there says so.
            batch.waits += [("afterany", number) for number in _numbers(needs, active)]
            batches.append(batch)
        for batch in batches:
            if batch.stage == stage:
                made |= {task.key: Element(batch, i) for i, job in enumerate(batch.jobs) for task in job}
    return batches


def _parts(
    tasks: Sequence[PlannedTask], pack: Pack, made: Mapping[Key, Element], array_size: int
) -> Iterator[list[PlannedTask]]:
    """Give the tasks of one array each: jobs in a row that wait for the same, at most so many as an array may have."""

    def awaited(job: tuple[PlannedTask, ...]) -> frozenset[tuple[int, int]]:
        on = [made[need.key] for task in job for need in task.needs if need.key in made]
        one_by_one = pack is ALONE  # which waits for the same element of an array that is so, too
        return frozenset((id(e.batch), -1 if one_by_one and e.batch.pack is ALONE else e.index) for e in on)

    for _, jobs in groupby(in_parts(tasks, pack.size), awaited):
        for part in in_parts(list(jobs), array_size):
            yield [task for job in part for task in job]


def _waits_within(batch: Batch, made: Mapping[Key, Element]) -> list[tuple[Kind, Batch | Element | str]]:
    """Return what a batch waits for among those of its runs: whole arrays one by one, or single jobs.

    A job of several tasks may have failed for the sake of one: what waits for it starts in any case, and sees whether
    what it needs is there.
    """
    waits: list[tuple[Kind, Batch | Element | str]] = []
    for needed in dict.fromkeys(need.stage for task in batch.tasks for need in task.needs):
        rows = [[made[n.key] for n in task.needs if n.stage == needed and n.key in made] for task in batch.tasks]
        alike = batch.pack is ALONE and len({len(row) for row in rows}) == 1
        for column in list(zip(*rows, strict=True)) if alike else [[e for row in rows for e in row]]:
            if not column:
                continue
            other = column[0].batch
            in_step = [each.index for each in column] == list(range(len(other.jobs)))
            if batch.pack is ALONE is other.pack and in_step and all(each.batch is other for each in column):
                waits.append(("aftercorr" if len(batch.tasks) > 1 else "afterok", other))
                continue
            waits += [("afterany", on) for on in {(id(e.batch), e.index): e for e in column}.values()]
    return waits


def _numbers(keys: Mapping[Key, object], active: Mapping[Key, str]) -> list[str]:
    """Return the numbers of the arrays in which some tasks are queued or running."""
    return list(dict.fromkeys(array_of(active[key]) for key in keys if key in active))


def _share_parallelism(cluster: ClusterConfig, batches: list[Batch]) -> None:
    """Divide each stage's cap among its arrays; more arrays than the cap allows wait for one another."""
    for stage in {batch.stage for batch in batches}:
        resources = cluster.stage(stage)
        of_stage = [batch for batch in batches if batch.stage == stage]
        if resources.parallelism is None:
            continue
        cap = max(1, resources.parallelism // of_stage[0].pack.at_once)  # of jobs
        total = sum(len(batch.jobs) for batch in of_stage)
        abreast = min(cap, len(of_stage))
        spare = cap - abreast  # beyond one for each
        for number, batch in enumerate(of_stage):
            batch.parallelism = 1 + (spare * len(batch.jobs) // total if len(of_stage) <= cap else 0)
            if number >= abreast:
                batch.waits.append(("afterany", of_stage[number - abreast]))
