"""Sending a plan to SLURM: everything is submitted at once, the scheduler keeps the order."""

import io
import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.gpus import GPUS_VARIABLE
from jobs.job import CORES_VARIABLE
from runner.executors.executor import Request
from runner.executors.job_state import SchedulerError
from runner.executors.slurm import requeue, scheduler
from runner.executors.slurm.arrays import Batch, arrange
from runner.executors.slurm.inside import InSlurm
from runner.executors.slurm.pack import PackCall
from runner.executors.slurm.partitions import listed_partitions
from runner.executors.slurm.queued import jobs_in_queue
from runner.executors.slurm.sbatch import sbatch_options
from runner.executors.slurm.site import is_foreign
from runner.executors.snapshot import own_homes, take_snapshot
from runner.executors.submitit_ways import batch_file, send_array
from runner.executors.task import TaskCall
from runner.executors.variables import KEEP_MEMORY, import_environment
from runner.record.array_ids import array_of
from runner.record.submission import Submission
from runner.record.submission_files import CODE
from runner.study.cluster import ClusterConfig
from runner.study.packs import ALONE, packs_of
from runner.study.plan import Plan, PlannedTask
from runner.study.stages import STAGES

SIGNAL_DELAY_S = 90  # the warning before a time limit, enough to write a checkpoint; a quarter of a short limit
LATEST = 2  # no task of several begins later than so many warnings before the limit of their job
# A shell that ignores the signals which hold.py is about to hold, and becomes the command behind it.
_HOLD = """sh -c 'trap "" "${SUBMITIT_PREEMPT_SIGNAL:-USR2}" TERM; exec "$@"' hold"""


def job_name(study: str, stage: str) -> str:
    """Return the name of a stage's jobs."""
    return f"{study}-{stage}"


def sbatch_parameters(study: str, stage: str, cluster: ClusterConfig, at_once: int = 1) -> dict[str, Any]:
    """Return the parameters of a stage whose jobs do some tasks at once, in the words of submitit's SlurmExecutor."""
    resources = cluster.stage(stage).of_job(at_once)
    options = sbatch_options(resources)
    if cluster.mail:
        options |= {"mail-user": cluster.mail, "mail-type": "END,FAIL" if STAGES[stage].per == "study" else "FAIL"}
    # Without --requeue a site's default may forbid what preemption and time limits need.
    options["requeue" if cluster.requeues else "no-requeue"] = True
    wanted = {
        "job_name": job_name(study, stage),
        "time": resources.timeout_min,  # submitit counts with it
        "array_parallelism": resources.parallelism,
        "setup": list(resources.setup or ()),
        "signal_delay_s": _warned_s(resources.timeout_min),
        "stderr_to_stdout": True,
        # Unasked, srun starts as many copies as fit into what SLURM gave, which may be more than was asked for: a whole
        # node, both threads of a core, as many CPUs as the memory counts for. srun of SLURM 22.05 to 23.02 does not
        # take over the cores that sbatch asked for, and where a setup line sets SLURM_EXPORT_ENV it drops variables
        # that lead Python to the snapshot.
        "srun_args": [
            "--ntasks=1",
            "--export=ALL",
            *([f"--cpus-per-task={resources.cpus}"] if resources.cpus else []),
        ],
        # sbatch reads the quotes that submitit writes as a shell would, but takes a backslash out also between them.
        "additional_parameters": {
            name: value if value is True else str(value).replace("\\", "\\\\") for name, value in options.items()
        },
    }
    return {key: value for key, value in wanted.items() if value is not None} | {"wckey": None}  # not submitit's own


def _warned_s(timeout_min: int | None) -> int:
    """Return how long before its time limit a job is warned."""
    return min(SIGNAL_DELAY_S, 15 * (timeout_min or SIGNAL_DELAY_S))


def sbatch_script(parameters: dict[str, Any], folder: Path, tasks: int, python: str = "python") -> str:
    """Return the batch file that would be sent, for people to read."""
    return batch_file(parameters, folder, tasks, python)


def batch_files(plan: Plan, tasks: Sequence[PlannedTask]) -> dict[str, str]:
    """Return the whole batch file of each stage's first array, by stage; nothing is written.

    Words stand for what is known only when it is sent: TIME for the submission, JOB_TRAIN for a job's number.
    """
    folder = plan.paths.submission("TIME")
    environment = import_environment([folder / CODE, *dict.fromkeys(own_homes(plan.experiments).values())])
    sending = _Sending(plan.study.name, plan.study.cluster, folder, environment | KEEP_MEMORY)
    try:
        size = scheduler.max_array_size()
    except SchedulerError:  # on a laptop
        size = scheduler.ARRAY_SIZE
    files: dict[str, str] = {}
    for batch in arrange(sending.cluster, tasks, {}, size, packs_of(plan)):
        batch.job, batch.token = f"JOB_{batch.stage.upper()}", "TOKEN"
        if batch.stage not in files:
            parameters, python = sending.parameters(batch), sending.python(batch.stage)
            files[batch.stage] = sbatch_script(parameters, folder / batch.stage, len(batch.jobs), python)
    return files


def send(request: Request) -> None:
    """Submit the tasks with their dependencies.

    Raises SchedulerError if SLURM refuses one of them; the others are then cancelled, and nothing
    of the submission is left.
    """
    try:
        _send_all(request)
    except BaseException as error:
        _take_back(request.submission, error)
        raise


def _send_all(request: Request) -> None:
    study, submission = request.plan.study, request.submission
    batches = arrange(study.cluster, request.tasks, request.active, _array_size(), packs_of(request.plan))
    environment = import_environment(take_snapshot(request.plan.experiments, submission.folder)) | KEEP_MEMORY
    sending = _Sending(study.name, study.cluster, submission.folder, environment)
    submission.sent_at = scheduler.controller_time()
    for batch in batches:
        names = [task.name for task in batch.tasks]
        shape = batch.pack.size, batch.pack.at_once
        array = submission.intend(batch.stage, names, job_name(study.name, batch.stage), *shape)
        batch.token = array.token
        batch.job = sending.send(batch)
        submission.number(array, batch.job)


def _take_back(submission: Submission, error: BaseException) -> None:
    """Cancel what was sent, so that nothing half-submitted remains."""
    jobs = {array.job for array in submission.arrays if array.job}
    unanswered = any(not array.job for array in submission.arrays)
    try:
        if unanswered:  # an sbatch that was interrupted, or lost its connection, may have got through
            jobs |= {array_of(job.id) for job in jobs_in_queue([submission])}
        scheduler.cancel(sorted(jobs))
    except SchedulerError as trouble:
        raise SchedulerError(
            f"{error}\nand what was sent before that (jobs {', '.join(sorted(jobs)) or 'unknown'}) could not be "
            f"cancelled ({trouble}): scancel it"
        ) from error
    if unanswered and not isinstance(error, SchedulerError):
        return  # it may get through yet, and is found by the record
    shutil.rmtree(submission.folder, ignore_errors=True)


@contextmanager
def _own_environment() -> Iterator[None]:
    """Hide variables that sbatch would obey, and those of an enclosing job: a job sent from it would believe them."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name in (CORES_VARIABLE, GPUS_VARIABLE, requeue.VARIABLE) or is_foreign(name)
    }
    for name in inherited:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(inherited)


def _array_size() -> int:
    try:
        return scheduler.max_array_size()
    except SchedulerError as error:
        words = str(error).splitlines()[0]
        raise SchedulerError(f"no SLURM answers here ({words}); --executor local runs on this machine") from error


@dataclass(frozen=True)
class _Sending:
    """What the arrays of a submission have in common: the study's name and resources, the folder, the variables."""

    study: str
    cluster: ClusterConfig
    folder: Path
    environment: Mapping[str, str]

    def send(self, batch: Batch) -> str:
        """Call sbatch for one array, and return the number of its job. Raises SchedulerError with its words."""
        requeues = self.cluster.requeues
        calls = [self._call(batch, tasks) for tasks in batch.jobs]
        parameters, python = self.parameters(batch), self.python(batch.stage)
        try:
            # submitit prints sbatch's words too
            with redirect_stderr(io.StringIO()), _own_environment():
                return send_array(calls, self.folder / batch.stage, parameters, requeues, python)
        except SchedulerError as error:
            raise SchedulerError(_refusal_text(batch.stage, str(error))) from error

    def _call(self, batch: Batch, tasks: Sequence[PlannedTask]) -> TaskCall | PackCall:
        """Return what one job of an array does."""
        resources = self.cluster.stage(batch.stage)
        settings = {"gpus": resources.gpu_count, "requeues": self.cluster.requeues, "code": self.folder / CODE}
        calls = []
        for task in tasks:
            # What shares its job with others may have failed, and they gone well.
            needs = [(need.key, need.outputs) for need in task.needs if batch.is_unsure and STAGES[need.stage].of_run]
            calls.append(TaskCall.of(task, self.folder, InSlurm(), **settings, needs=tuple(needs)))
        if batch.pack is ALONE:
            return calls[0]
        limit = resources.timeout_min
        until_s = 60 * limit - LATEST * _warned_s(limit) if limit else None
        return PackCall(tuple(calls), self.folder, min(batch.pack.at_once, len(batch.jobs[0])), until_s)

    def parameters(self, batch: Batch) -> dict[str, Any]:
        """Return all parameters of one array."""
        at_once = min(batch.pack.at_once, len(batch.jobs[0]))
        parameters = sbatch_parameters(self.study, batch.stage, self.cluster, at_once)
        parameters["setup"] += [*_exports(self.environment), *_before_the_task(self.folder / batch.stage)]
        parameters["teardown"] = _after_the_task()
        parameters["comment"] = batch.token
        if batch.parallelism:
            parameters["array_parallelism"] = batch.parallelism
        dependency = batch.dependency()
        if dependency:
            # Without kill-on-invalid-dep a task whose need failed would wait for ever.
            parameters["dependency"] = dependency
            parameters["additional_parameters"] |= {"kill-on-invalid-dep": "yes"}
        return parameters

    def python(self, stage: str) -> str:
        """Return the shell's command that starts Python for a stage; warnings wait until it can obey them."""
        command = self.cluster.stage(stage).python or (sys.executable,)
        hold = self.folder / CODE / "runner/executors/slurm/hold.py"
        return f"{_HOLD} {shlex.join([*command, '-I', '-S', str(hold)])}"


def _exports(environment: Mapping[str, str]) -> list[str]:
    """Return shell lines that export variables, for after the user's own: a loaded module may set PYTHONPATH too."""
    lines = []
    for name, value in environment.items():
        rest = '"${PYTHONPATH:+:$PYTHONPATH}"' if name == "PYTHONPATH" else ""
        lines.append(f"export {name}={shlex.quote(value)}{rest}")
    return lines


def _before_the_task(folder: Path) -> list[str]:
    """Return shell lines before the task: they name it to its processes, and forget how an earlier attempt ended."""
    # Without errexit, which a line of the user's may have set: what comes after a task that failed is for just that.
    job = '"${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}${SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}"'
    return [
        "set +e",
        f"export {requeue.VARIABLE}={shlex.quote(str(folder))}/{job}",
        f'rm -f -- "${{{requeue.VARIABLE}}}{requeue.RESULT}"',
    ]


def _after_the_task() -> list[str]:
    """Return shell lines after the task: if it did not end by itself, they put it back into the queue."""
    return [
        "code=$?",
        f"python={shlex.quote(sys.executable)}",
        # Where tasks run in containers, nodes need not have the Python that submitted; any will do for this.
        '[ -x "$python" ] || python=python3',
        f'"$python" -m {requeue.__name__} $code; answer=$?; result="${{{requeue.VARIABLE}}}{requeue.RESULT}"',
        f"case $answer in 0) ;; {requeue.FAILED}|{requeue.KILLED}) code=$answer ;;",
        # Too old a Python, or none: a task that left its last word has ended as srun says.
        '*) [ $code != 0 ] || [ -e "$result" ] || code=1 ;; esac',
        "exit $code",
    ]


def _refusal_text(stage: str, words: str) -> str:
    try:
        partitions = "\n".join(f"  {partition.text()}" for partition in listed_partitions().values())
    except SchedulerError:
        partitions = ""
    limits = any(word in words for word in ("limit", "QOS", "policy"))
    said = "\n".join(f"  {line}" for line in words.splitlines() if line.strip())
    there = f"\nThe cluster has:\n{partitions}" if partitions else ""
    remedy = f"say cluster.{stage}.partition=..., cluster.{stage}.mem_gb=... and the like"
    if limits:
        remedy += ", or send fewer tasks at once (a smaller sweep, fewer evaluate.shards)"
    return (
        f"the scheduler refuses stage {stage}:\n{said}{there}\nNothing was submitted. Change the study's cluster "
        f"section, or {remedy}"
    )
