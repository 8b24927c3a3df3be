"""Sending a plan to SLURM: everything is submitted at once, the scheduler keeps the order."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from runner.cluster import StageResources
from runner.plan import Plan, Task
from runner.task import TaskCall

SIGNAL_DELAY_S = 90  # the warning before a time limit, enough to write a checkpoint
# The stages of one run, in order; element i of each array belongs to run i.
CHAIN = ("train", "render", "evaluate")


def sbatch_parameters(study: str, stage: str, resources: StageResources) -> dict[str, Any]:
    """The parameters of one stage in the words of submitit's SlurmExecutor."""
    wanted = {
        "job_name": f"{study}-{stage}",
        "partition": resources.partition,
        "account": resources.account,
        "qos": resources.qos,
        "constraint": resources.constraint,
        "time": resources.timeout_min,
        "cpus_per_task": resources.cpus,
        "gpus_per_node": resources.gpus or None,
        "mem": f"{round(resources.mem_gb * 1024)}MB" if resources.mem_gb else None,
        "array_parallelism": resources.parallelism,
        "setup": list(resources.setup or ()),
        "signal_delay_s": SIGNAL_DELAY_S,
        "stderr_to_stdout": True,
    }
    return {key: value for key, value in wanted.items() if value is not None}


def sbatch_script(parameters: dict[str, Any], folder: Path, tasks: int) -> str:
    """The batch file that submitit would write, for people to read."""
    from submitit.slurm.slurm import _make_sbatch_string

    return _make_sbatch_string(
        command="python -m submitit.core._submit", folder=folder, map_count=tasks if tasks > 1 else None, **parameters
    )


def submit_slurm(plan: Plan, tasks: list[Task], folder: Path, gpu_partition: str | None) -> dict[str, list[str]]:
    """Submit the tasks with their dependencies; the job ids of each stage."""
    submitted: dict[str, list[str]] = defaultdict(list)

    def send(stage: str, batch: Iterable[Task], dependency: str | None) -> str:
        calls = [TaskCall(task.job, task.stage, task.name, task.attempts) for task in batch]
        resources = plan.study.cluster.stage(stage, gpu_partition)
        parameters = sbatch_parameters(plan.study.name, stage, resources)
        if dependency:
            # Without kill-on-invalid-dep a task whose need failed would wait for ever.
            parameters |= {"dependency": dependency, "additional_parameters": {"kill-on-invalid-dep": "yes"}}
        ids = _submit_array(calls, folder / stage, parameters)
        submitted[stage] += ids
        return ids[0].split("_")[0]

    by_stage = {stage: [task for task in tasks if task.stage == stage] for stage in {task.stage for task in tasks}}
    first = {stage: send(stage, by_stage[stage], None) for stage in ("prepare", "baseline") if by_stage.get(stage)}
    chained = _aligned_chains(plan, tasks)
    previous = f"afterok:{first['prepare']}" if "prepare" in first else None
    sent = list(first.values())
    after = previous
    for (stage, _), batch in chained.items():
        job = send(stage, batch, after)
        sent.append(job)
        if stage != "evaluate":  # the blocks of evaluate wait for render, not for one another
            after = f"{'aftercorr' if len(batch) > 1 else 'afterok'}:{job}"
    if by_stage.get("report"):
        send("report", by_stage["report"], "afterany:" + ":".join(sent) if sent else None)
    return dict(submitted)


def _aligned_chains(plan: Plan, tasks: list[Task]) -> dict[tuple[str, int], list[Task]]:
    """Arrays of train, render and each block of evaluate, all over the same runs in the same order.

    Tasks that are done already keep their place (they end at once), so that ``aftercorr`` pairs
    the stages of one run.
    """
    missing = {task.name.split(".")[0] for task in tasks if task.stage in CHAIN}
    arrays: dict[tuple[str, int], list[Task]] = {}
    for stage in CHAIN:
        for task in plan.stage(stage):
            run, _, block = task.name.partition(".")
            if run in missing:
                arrays.setdefault((stage, int(block or 0)), []).append(task)
    return arrays


def _submit_array(calls: list[TaskCall], folder: Path, parameters: dict[str, Any]) -> list[str]:
    import submitit

    executor = submitit.SlurmExecutor(folder)
    executor.update_parameters(**parameters)
    with executor.batch():
        jobs = [executor.submit(call) for call in calls]
    return [str(job.job_id) for job in jobs]
