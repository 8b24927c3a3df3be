"""Which of the missing tasks a submission sends, and with which resources."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from runner.plan import Plan, Task
from runner.submission import Key


def tasks_to_send(missing: Sequence[Task], active: Collection[Key]) -> list[Task]:
    """The missing tasks that are not queued or running already.

    A report that is queued waits for the tasks of its own submission only, so more tasks come with
    a report of their own.
    """
    todo = [task for task in missing if task.key not in active]
    report = [task for task in missing if task.stage == "report"]
    others = [task for task in todo if task.stage != "report"]
    return others + report if others else [task for task in report if not active]


def only_failed(todo: Sequence[Task], failed: Collection[Key]) -> list[Task]:
    """Of the tasks to send those that failed, those that need one of them, and the patches they lack."""
    kept: dict[Key, Task] = {}
    for task in todo:
        if task.key in failed or any(need.key in kept for need in task.needs):
            kept[task.key] = task
    patches = {need.key for task in kept.values() for need in task.needs if need.stage == "prepare"}
    return [task for task in todo if task.key in kept or task.key in patches]


def with_resources(plan: Plan, tasks: Sequence[Task], raised: Mapping[str, float | int | None]) -> Plan:
    """The plan with other memory or time (None: as it was) for the stages of some tasks."""
    resources = {name: value for name, value in raised.items() if value is not None}
    cluster = plan.study.cluster
    for stage in {task.stage for task in tasks} if resources else ():
        cluster = cluster.with_stage(stage, **resources)
    return replace(plan, study=plan.study.model_copy(update={"cluster": cluster}))


def on_gpu_partition(plan: Plan, partition: str) -> Plan:
    """The plan with the stages that use GPUs on a partition."""
    cluster = plan.study.cluster.with_gpu_partition(partition)
    return replace(plan, study=plan.study.model_copy(update={"cluster": cluster}))
