"""How missing tasks become arrays that wait for one another, run by run: pure, nothing is sent here."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from runner.record.array_ids import array_of
from runner.record.submission import Key
from runner.study.cluster import ClusterConfig
from runner.study.plan import PlannedTask
from runner.study.stages import STAGES, Per

Kind = Literal["afterok", "aftercorr", "afterany"]


@dataclass
class Batch:
    """One array to be: its tasks, and the batches or known jobs that it waits for.

    ``parallelism`` is how many of its tasks may run at once.
    """

    stage: str
    tasks: list[PlannedTask]
    waits: list[tuple[Kind, "Batch | str"]] = field(default_factory=list)
    parallelism: int | None = None
    token: str = ""  # in its comment
    job: str = ""  # its number, once it is sent

    def dependency(self) -> str | None:
        """Return what it waits for, as sbatch takes it, once the batches that it waits for were sent."""
        by_kind: dict[Kind, dict[str, None]] = {}
        for kind, on in self.waits:
            by_kind.setdefault(kind, {})[on if isinstance(on, str) else on.job] = None
        return ",".join(":".join([kind, *jobs]) for kind, jobs in by_kind.items()) or None


def arrange(
    cluster: ClusterConfig, tasks: Sequence[PlannedTask], active: Mapping[Key, str], array_size: int
) -> list[Batch]:
    """Return the arrays to send, each after those that it waits for.

    Runs that lack the same tasks share arrays of at most ``array_size`` elements: those of one run
    wait for each other and for no other run. ``active`` gives the job of each task that is queued
    or running already; what needs such a task waits for its job.
    """
    array_size = max(1, array_size)
    shared = [batch for stage in _stages("patches", "degradation") for batch in _shared(tasks, stage, array_size)]
    batches = list(shared)
    for lacking, runs in _runs_alike(tasks).items():
        for first in range(0, len(runs), array_size):
            batches += _chain(lacking, runs[first : first + array_size], shared, active)
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
    lacking: Sequence[Place], runs: list[dict[Place, PlannedTask]], shared: list[Batch], active: Mapping[Key, str]
) -> list[Batch]:
    """Return the arrays of runs that lack the same tasks, one a place; element i of each belongs to the same run."""
    made: dict[str, list[Batch]] = defaultdict(list)
    batches = []
    for place in lacking:
        stage = place[0]
        batch = Batch(stage, [run[place] for run in runs])
        needs = {need.key: need for task in batch.tasks for need in task.needs}
        for needed in dict.fromkeys(need.stage for need in needs.values()):
            batch.waits += [("aftercorr" if len(runs) > 1 else "afterok", other) for other in made[needed]]
            several = [other for other in shared if other.stage == needed]
            # With several sets of patches, one that fails must not take the runs of the others with
            # it: a training whose patches are not there says so.
            kind: Kind = "afterok" if len(several) == 1 == len(several[0].tasks) else "afterany"
            batch.waits += [(kind, other) for other in several]
        # What runs already may end in any way: a task whose input is not there says so.
        batch.waits += [("afterany", number) for number in _numbers(needs, active)]
        made[stage].append(batch)
        batches.append(batch)
    return batches


def _numbers(keys: Mapping[Key, object], active: Mapping[Key, str]) -> list[str]:
    """Return the numbers of the arrays in which some tasks are queued or running."""
    return list(dict.fromkeys(array_of(active[key]) for key in keys if key in active))


def _share_parallelism(cluster: ClusterConfig, batches: list[Batch]) -> None:
    """Divide each stage's cap among its arrays; more arrays than the cap allows wait for one another."""
    for stage in {batch.stage for batch in batches}:
        cap = cluster.stage(stage).parallelism
        of_stage = [batch for batch in batches if batch.stage == stage]
        if cap is None:
            continue
        total = sum(len(batch.tasks) for batch in of_stage)
        abreast = min(cap, len(of_stage))
        spare = cap - abreast  # beyond one for each
        for number, batch in enumerate(of_stage):
            batch.parallelism = 1 + (spare * len(batch.tasks) // total if len(of_stage) <= cap else 0)
            if number >= abreast:
                batch.waits.append(("afterany", of_stage[number - abreast]))
