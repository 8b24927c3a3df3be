"""Functions of submitit that it does not promise, and what is built of them.

They are used here and nowhere else, are held to the versions that setup.cfg allows, and are checked by
tests/test_submitit_ways.py, which says when one has changed.
"""

import os
import pickle
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import submitit
from submitit.core.utils import DelayedSubmission, FailedJobError, JobPaths
from submitit.slurm.slurm import _make_sbatch_string

from runner.executors.job_state import SchedulerError
from runner.executors.submitit_names import LOG, OWN_PICKLES, SUBMIT


def own_log() -> str | None:
    """Return the file that takes what this process prints; None where submitit did not start it."""
    if "SUBMITIT_FOLDER" not in os.environ:
        return None
    return str(submitit.JobEnvironment().paths.stdout)


def with_logs(parameters: Mapping[str, Any], folder: Path, tasks: int) -> dict[str, Any]:
    """Return the parameters, with logs named as always also where sbatch would see a pattern in the folder's name."""
    if "%" not in str(folder):
        return dict(parameters)
    escaped, job = str(folder).replace("%", "%%"), "%A_%a" if tasks > 1 else "%j"
    task_log = LOG.replace("_0_", "_%t_")
    return {
        **parameters,
        "additional_parameters": parameters["additional_parameters"] | {"output": f"{escaped}/{job}{LOG}"},
        "srun_args": [*parameters["srun_args"], "--output", f"{escaped}/{job}{task_log}"],  # the last one counts
    }


def batch_file(parameters: Mapping[str, Any], folder: Path, tasks: int, python: str) -> str:
    """Return the batch file that submitit would write for an array of some tasks."""
    return str(
        _make_sbatch_string(
            command=f"{python} -u -m {SUBMIT} {shlex.quote(str(folder))}",
            folder=folder,
            map_count=tasks if tasks > 1 else None,
            **with_logs(parameters, folder, tasks),
        )
    )


def unsent_calls(folder: Path) -> Iterator[tuple[Path, Any]]:
    """Give pickles that a sender who was killed did not name after their jobs, each with what it calls."""
    for file in folder.glob("*.pkl"):
        if file.name.endswith(OWN_PICKLES):
            continue
        try:
            yield file, DelayedSubmission.load(file).function
        except (OSError, EOFError, pickle.UnpicklingError, AttributeError, ImportError):  # such as of older code
            continue


def name_after(pickle_file: Path, job: str) -> None:
    """Name a task's pickle after its job, as submitit does when sbatch has answered; the task waits for it."""
    pickle_file.rename(JobPaths(pickle_file.parent, job).submitted_pickle)


def send_array(calls: Sequence[Any], folder: Path, parameters: Mapping[str, Any], requeues: int, python: str) -> str:
    """Call sbatch for an array, and return the number of its job. Raises SchedulerError with its words."""
    executor = submitit.SlurmExecutor(folder, max_num_timeout=requeues, python=python)
    executor.update_parameters(**with_logs(parameters, folder, len(calls)))
    try:
        with executor.batch():
            jobs = [executor.submit(call) for call in calls]
    except FailedJobError as error:
        raise SchedulerError(str(error)) from error
    return str(jobs[0].job_id).split("_")[0]
