"""Letting go of jobs that are held, which would wait for ever."""

from collections.abc import Iterable, Iterator

from runner.executors.job_state import SchedulerError
from runner.executors.table import recorded
from runner.record.groups import by_detail, groups_of
from runner.record.judged import JudgedTask
from srcnn.words import counted


def release_held(tasks: Iterable[JudgedTask], only_failed: bool, dry_run: bool = False) -> Iterator[str]:
    """Release the jobs of held tasks, and give a line for each group; what an administrator holds is only named.

    ``only_failed``: only jobs that the scheduler holds because it could not start them, not those that a person holds.
    """
    held = [task for task in tasks if task.held_by == "scheduler" or not only_failed]
    free = [task for task in held if task.held_by != "administrator"]
    for name in {task.executor: None for task in free if task.executor}:
        of_this = [task for task in free if task.executor == name]
        try:
            if not dry_run:
                recorded(name).release([task.job for task in of_this if task.job])
        except SchedulerError as error:
            yield f"note: {counted(len(of_this), 'held job')} could not be released: {error}"
            free = [task for task in free if task not in of_this]
    for group in by_detail(free):
        was = "would be released, held" if dry_run else "released, held until now"
        yield f"{group.text}: {group.jobs_text} {was} ({group.first.detail})"
    for group in groups_of((task for task in free if task.host), lambda task: (task.host, task.executor, task.detail)):
        first = group.first
        jobs = [task.job for task in group.tasks if task.job]
        if words := recorded(first.executor or "").keep_out(jobs, first.host or "", first.detail):
            yield f"  {words}"
    for group in by_detail(task for task in held if task.held_by == "administrator"):
        yield f"note: {group.text}: {group.jobs_text} cannot be released from here ({group.first.detail})"
