"""Which of the missing tasks a submission sends, and with which resources."""

from collections.abc import Collection, Mapping, Sequence

from runner.record.submission import Key
from runner.study.cluster import ClusterConfig
from runner.study.plan import PlannedTask
from runner.study.stages import STAGES


def tasks_to_send(missing: Sequence[PlannedTask], active: Collection[Key]) -> list[PlannedTask]:
    """Return the missing tasks that are not queued or running already.

    A report that is queued waits for the tasks of its own submission only, so more tasks come with
    a report of their own.
    """
    others = [task for task in missing if not STAGES[task.stage].after and task.key not in active]
    last = [task for task in missing if STAGES[task.stage].after and (others or task.key not in active)]
    return others + last


def only_failed(todo: Sequence[PlannedTask], failed: Collection[Key]) -> list[PlannedTask]:
    """Return the tasks to send that failed, those that need one of them, and those that these need in turn."""
    kept: dict[Key, PlannedTask] = {}
    for task in todo:
        if task.key in failed or any(need.key in kept for need in task.needs):
            kept[task.key] = task
    for task in reversed(todo):  # needs come before what needs them
        if task.key in kept and not STAGES[task.stage].after:
            kept |= {need.key: need for need in task.needs if need in todo}
    return [task for task in todo if task.key in kept]


def with_resources(
    cluster: ClusterConfig,
    tasks: Sequence[PlannedTask],
    failed: Collection[Key],
    raised: Mapping[str, float | int | None],
) -> ClusterConfig:
    """Return the cluster section with other memory or time (None: as it was) for the stages that are sent.

    Where some of the tasks failed by themselves, only their stages get it: tasks that merely wait for those need no
    more than before.
    """
    resources = {name: value for name, value in raised.items() if value is not None}
    stages = {task.stage for task in tasks if task.key in failed} or {task.stage for task in tasks}
    for stage in stages if resources else ():
        cluster = cluster.with_stage(stage, **resources)
    return cluster
