"""Letting go of jobs that are held, which would wait for ever."""

import shlex
from collections.abc import Iterator

from runner.executors.slurm import scheduler
from runner.executors.slurm.scheduler import LAUNCH_FAILED, SchedulerError
from runner.record.groups import by_detail, groups_of
from runner.record.state import StudyStatus
from srcnn.words import counted


def release_held(status: StudyStatus, only_failed: bool, dry_run: bool = False) -> Iterator[str]:
    """Release the held jobs of a study, and say which; what an administrator holds is only named.

    ``only_failed``: only what SLURM holds because it could not start it, not what a person holds.
    """
    held = [task for task in status.of("held") if task.held_by == "SLURM" or not only_failed]
    free = [task for task in held if task.held_by != "administrator"]
    try:
        if not dry_run:
            scheduler.release(task.job for task in free if task.job)
    except SchedulerError as error:
        yield f"note: {counted(len(free), 'held job')} could not be released: {error}"
        free = []
    for group in by_detail(free):
        was = "would be released, held" if dry_run else "released, held until now"
        yield f"{group.text}: {group.jobs_text} {was} ({group.first.detail})"
    for group in groups_of(
        (task for task in free if LAUNCH_FAILED in task.detail and task.host), lambda task: task.host
    ):
        jobs, node = shlex.quote("jobid=" + ",".join(group.jobs)), group.first.host
        yield (
            f"  if {node} fails again, keep it out: scontrol update {jobs} excnodelist={node}, and "
            f"cluster.sbatch.exclude={node} for what is sent later"
        )
    for group in by_detail(task for task in held if task.held_by == "administrator"):
        yield f"note: {group.text}: {group.jobs_text} cannot be released from here ({group.first.detail})"
