"""Sending a plan to SLURM: everything is submitted at once, the scheduler keeps the order."""

import contextlib
import io
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from runner import scheduler
from runner.arrays import Batch, arrange
from runner.cluster import ClusterConfig
from runner.plan import Plan, Task
from runner.scheduler import SchedulerError
from runner.snapshot import import_environment, take_snapshot
from runner.submission import Key, SentArray, Submission
from runner.task import KEEP_MEMORY, TaskCall

SIGNAL_DELAY_S = 90  # the warning before a time limit, enough to write a checkpoint; a quarter of a short limit
KILLED = 128 + 9  # srun's exit status for a task that was killed


def sbatch_parameters(study: str, stage: str, cluster: ClusterConfig) -> dict[str, Any]:
    """The parameters of one stage in the words of submitit's SlurmExecutor."""
    resources = cluster.stage(stage)
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
        "signal_delay_s": min(SIGNAL_DELAY_S, 15 * (resources.timeout_min or SIGNAL_DELAY_S)),
        "stderr_to_stdout": True,
        "mail_user": cluster.mail,
        "mail_type": ("END,FAIL" if stage == "report" else "FAIL") if cluster.mail else None,
        # Without --requeue a site's default may forbid what preemption and time limits need.
        "additional_parameters": {"requeue": True} if cluster.requeues else {"no-requeue": True},
    }
    return {key: value for key, value in wanted.items() if value is not None}


def sbatch_script(parameters: dict[str, Any], folder: Path, tasks: int) -> str:
    """The batch file that submitit would write, for people to read."""
    from submitit.slurm.slurm import _make_sbatch_string

    return _make_sbatch_string(
        command="python -m submitit.core._submit", folder=folder, map_count=tasks if tasks > 1 else None, **parameters
    )


def submit_slurm(plan: Plan, tasks: Sequence[Task], folder: Path, active: Mapping[Key, str]) -> Submission:
    """Submit the tasks with their dependencies; ``active`` are those that need not be sent again.

    Raises SchedulerError if SLURM refuses one of them; the others are then cancelled, and nothing
    of the submission is left.
    """
    submission = Submission(folder)
    try:
        batches = arrange(plan, tasks, active, _array_size())
        environment = import_environment(take_snapshot(plan, folder)) | KEEP_MEMORY
        for batch in batches:
            batch.job = _send(plan, batch, folder, environment)
            submission.add(SentArray(batch.stage, batch.job, tuple(task.name for task in batch.tasks)))
    except BaseException:
        scheduler.cancel(array.job for array in submission.arrays)
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return submission


def _array_size() -> int:
    try:
        return scheduler.max_array_size()
    except SchedulerError as error:
        words = str(error).splitlines()[0]
        raise SchedulerError(f"no SLURM answers here ({words}); --executor local runs on this machine") from error


def _send(plan: Plan, batch: Batch, folder: Path, environment: Mapping[str, str]) -> str:
    """Call sbatch for one array; the number of its job."""
    cluster = plan.study.cluster
    parameters = sbatch_parameters(plan.study.name, batch.stage, cluster)
    parameters["setup"] += _exports(environment)
    parameters["teardown"] = _after_the_task(folder / batch.stage)
    if batch.parallelism:
        parameters["array_parallelism"] = batch.parallelism
    dependency = batch.dependency()
    if dependency:
        # Without kill-on-invalid-dep a task whose need failed would wait for ever.
        parameters["dependency"] = dependency
        parameters["additional_parameters"] |= {"kill-on-invalid-dep": "yes"}
    calls = [
        TaskCall(task.job, task.stage, task.name, task.attempts, requeues=cluster.requeues) for task in batch.tasks
    ]
    try:
        return _submit_array(calls, folder / batch.stage, parameters, cluster.requeues)[0].split("_")[0]
    except SchedulerError as error:
        raise SchedulerError(_refusal_text(batch.stage, str(error))) from error


def _exports(environment: Mapping[str, str]) -> list[str]:
    """Shell lines, after the user's own: a loaded module may set PYTHONPATH too."""
    lines = []
    for name, value in environment.items():
        rest = '"${PYTHONPATH:+:$PYTHONPATH}"' if name == "PYTHONPATH" else ""
        lines.append(f"export {name}={shlex.quote(value)}{rest}")
    return lines


def _after_the_task(folder: Path) -> list[str]:
    """Shell lines after the task: one that was killed by who knows whom is put back into the queue."""
    again = f"{shlex.quote(sys.executable)} -m runner.requeue {shlex.quote(str(folder))}"
    return ["code=$?", f"[ $code -ne {KILLED} ] || {again}", "exit $code"]


def _submit_array(calls: list[TaskCall], folder: Path, parameters: dict[str, Any], requeues: int) -> list[str]:
    import submitit
    from submitit.core.utils import FailedJobError

    executor = submitit.SlurmExecutor(folder, max_num_timeout=requeues)
    executor.update_parameters(**parameters)
    try:
        with contextlib.redirect_stderr(io.StringIO()), executor.batch():  # submitit prints sbatch's words too
            jobs = [executor.submit(call) for call in calls]
    except FailedJobError as error:
        raise SchedulerError(str(error)) from error
    return [str(job.job_id) for job in jobs]


def _refusal_text(stage: str, words: str) -> str:
    partitions = scheduler.partitions_text()
    said = "\n".join(f"  {line}" for line in words.splitlines() if line.strip())
    there = f"\nThe cluster has:\n{partitions}" if partitions else ""
    return (
        f"the scheduler refuses stage {stage}:\n{said}{there}\nNothing was submitted. Change the study's cluster "
        f"section, or say cluster.{stage}.partition=..., cluster.{stage}.mem_gb=... and the like"
    )


def wants_slurm() -> bool:
    """Whether this machine belongs to a SLURM cluster that answers."""
    return shutil.which("sbatch") is not None and scheduler.answers()
