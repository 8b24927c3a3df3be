"""What a study is about to ask of a cluster, said before it is asked."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from runner.study.cluster import ClusterConfig
from runner.study.plan import PlannedTask
from srcnn.words import counted


@dataclass(frozen=True)
class Cost:
    """Tasks, and hours of cores and GPUs if every task ran to its time limit once."""

    tasks: int
    core_hours: float
    gpu_hours: float


def cost(cluster: ClusterConfig, tasks: Iterable[PlannedTask]) -> Cost:
    """Return the most that some tasks may take."""
    counts = Counter(task.stage for task in tasks)
    core_hours = gpu_hours = 0.0
    for stage, count in counts.items():
        resources = cluster.stage(stage)
        hours = count * (resources.timeout_min or 0) / 60
        core_hours += (resources.cpus or 1) * hours
        gpu_hours += resources.gpu_count * hours
    return Cost(counts.total(), core_hours, gpu_hours)


def cost_text(cluster: ClusterConfig, tasks: Iterable[PlannedTask]) -> str:
    """Return the cost in words."""
    most = cost(cluster, tasks)
    return (
        f"asks for: {counted(most.tasks, 'task')}, at most {_hours(most.core_hours)} core-hours and "
        f"{_hours(most.gpu_hours)} GPU-hours (every task to its time limit)"
    )


def _hours(count: float) -> str:
    return f"{count:,.0f}" if count >= 10 or not count else f"{count:.1f}"
