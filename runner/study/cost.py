"""What a study is about to ask of a cluster, said before it is asked."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from runner.study.cluster import ClusterConfig
from runner.study.packs import ALONE, Pack
from runner.study.plan import PlannedTask
from srcnn.words import counted


@dataclass(frozen=True)
class Cost:
    """Tasks, their jobs, and hours of cores and GPUs if every job ran to its time limit once."""

    tasks: int
    jobs: int
    core_hours: float
    gpu_hours: float


def cost(cluster: ClusterConfig, tasks: Iterable[PlannedTask], packs: Mapping[str, Pack] | None = None) -> Cost:
    """Return the most that some tasks may take; ``packs`` are those of the stages whose tasks share jobs."""
    counts = Counter(task.stage for task in tasks)
    jobs, core_hours, gpu_hours = 0, 0.0, 0.0
    for stage, count in counts.items():
        pack = (packs or {}).get(stage, ALONE)
        resources = cluster.stage(stage).of_job(min(pack.at_once, count))
        hours = pack.jobs(count) * (resources.timeout_min or 0) / 60
        jobs += pack.jobs(count)
        core_hours += (resources.cpus or 1) * hours
        gpu_hours += resources.gpu_count * hours
    return Cost(counts.total(), jobs, core_hours, gpu_hours)


def cost_text(cluster: ClusterConfig, tasks: Iterable[PlannedTask], packs: Mapping[str, Pack]) -> str:
    """Return the cost in words."""
    most = cost(cluster, tasks, packs)
    in_jobs = f" in {counted(most.jobs, 'job')}" * (most.jobs != most.tasks)
    return (
        f"asks for: {counted(most.tasks, 'task')}{in_jobs}, at most {_hours(most.core_hours)} core-hours and "
        f"{_hours(most.gpu_hours)} GPU-hours (every {'job' if in_jobs else 'task'} to its time limit)"
    )


def _hours(count: float) -> str:
    return f"{count:,.0f}" if count >= 10 or not count else f"{count:.1f}"
