"""What was sent to executors elsewhere, by executor: a study may have been submitted with several."""

from collections.abc import Iterable, Iterator

from runner.executors.executor import Executor
from runner.executors.job_state import QueuedJob
from runner.executors.table import recorded
from runner.record.submission import Submission, submissions
from srcnn.paths import StudyPaths


def by_executor(sent: Iterable[Submission]) -> Iterator[tuple[Executor, list[Submission]]]:
    """Give each executor with the submissions that were sent with it, in their order."""
    parts: dict[str, list[Submission]] = {}
    for submission in sent:
        parts.setdefault(submission.executor, []).append(submission)
    for name, of_it in parts.items():
        yield recorded(name), of_it


def queued_jobs(paths: StudyPaths) -> list[tuple[Executor, QueuedJob]]:
    """Return every job of a study that waits, runs or is just ending, with its executor. Raises SchedulerError."""
    return [(executor, job) for executor, sent in by_executor(submissions(paths)) for job in executor.queued(sent)]
