"""What executors have in common that do tasks on this machine while the process that submitted them waits."""

from collections.abc import Iterable, Mapping, Sequence

from jobs.job import usable_cores
from runner.executors.executor import Executor, Presence, Room, WatchedTask
from runner.executors.gpus import cpu_note, visible_gpus
from runner.record.words import unfinished_text
from runner.study.cluster import ClusterConfig
from runner.study.plan import Plan, PlannedTask
from runner.study.stages import STAGES
from srcnn.words import counted


class Here(Executor):
    """An executor of this machine; ``submit`` is left to write."""

    title = "this machine"
    is_elsewhere = False

    def presence(self) -> Presence:
        """Say that it wants to be chosen by name: it is here always."""
        return Presence(False)

    def asks(self, plan: Plan, tasks: Sequence[PlannedTask], room: Room) -> Mapping[str, str]:
        """Return the cores and the GPU, or part of its time, that one task of each stage gets."""
        places = len(visible_gpus()) * room.runs_per_gpu
        states = shares(tasks, plan.study.cluster, room.cores or usable_cores(), places)
        gpu = "1 GPU, " if room.runs_per_gpu == 1 else f"1 GPU shared by up to {room.runs_per_gpu}, "
        return {state.task.stage: f"{gpu * state.gpu}{counted(state.cores, 'core')}" for state in states}

    def cost(self, plan: Plan, tasks: Sequence[PlannedTask]) -> str:
        """Say that tasks which ask for GPUs will find none here."""
        note = cpu_note(plan.study.cluster, tasks)
        return f"note: {note}" if note else ""


def shares(tasks: Iterable[PlannedTask], cluster: ClusterConfig, cores: int, gpus: int) -> list[WatchedTask]:
    """Return the tasks with the cores and GPU that each gets: a stage's tasks share the machine evenly.

    ``gpus`` is how many may use one at once.
    """
    tasks = list(tasks)
    counts = {stage: sum(task.stage == stage for task in tasks) for stage in {task.stage for task in tasks}}
    resources = {stage: cluster.stage(stage) for stage in counts}
    states = []
    for task in tasks:
        on_gpu = resources[task.stage].gpu_count > 0 and gpus > 0
        abreast = min(counts[task.stage], gpus if on_gpu else cores, resources[task.stage].parallelism or cores)
        share = max(1, cores // abreast)
        states.append(WatchedTask(task, min(cluster.local_cpus(task.stage) or share, cores), on_gpu))
    return states


def is_blocked(state: WatchedTask, needs: Sequence[WatchedTask]) -> bool:
    """Say whether a task can never start because one that it needs did not finish; the reason is noted."""
    failed = [need.task for need in needs if need.state in ("failed", "skipped")]
    if failed and not STAGES[state.task.stage].after:
        state.error = unfinished_text(*failed[0].key)
        return True
    return False


def is_ready(state: WatchedTask, needs: Sequence[WatchedTask]) -> bool:
    """Say whether all that a task waits for has ended, well or as its stage allows."""
    ended = ("done", "failed", "skipped") if STAGES[state.task.stage].after else ("done",)
    return all(need.state in ended for need in needs)
