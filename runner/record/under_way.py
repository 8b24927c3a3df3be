"""What of a study runs or waits at this moment, by every sign there is."""

import time
from collections.abc import Iterable, Iterator

from jobs.attempt import read_attempt
from jobs.processes import is_alive
from runner.executors.executor import Executor
from runner.executors.job_state import Origin, QueuedJob, SchedulerError
from runner.executors.table import elsewhere
from runner.record.lock import holder
from runner.record.sent import by_executor
from runner.record.submission import own_attempt, sent_jobs, submissions
from runner.record.tasks import known_tasks
from srcnn.paths import StudyPaths
from srcnn.schema import Attempt


class StudyUnderWayError(RuntimeError):
    """A study must be left alone now; the message names what is under way and what to do."""


def attempts_of(paths: StudyPaths) -> Iterator[Attempt]:
    """Give every attempt on record, also at tasks that the study no longer has."""
    for pattern in ("attempts/*.json", "runs/*/attempts/*.json"):
        for file in paths.folder.glob(pattern):
            attempt = read_attempt(file)
            if attempt:
                yield own_attempt(paths, attempt)


def refuse_if_under_way(paths: StudyPaths, attempts: Iterable[Attempt], own_lock: bool = False) -> None:
    """Raise StudyUnderWayError if a process works on the study or a job of it is queued.

    ``own_lock``: the study's lock is the caller's.
    """
    signs = list(_signs(paths, attempts, own_lock))
    if signs:
        shown = "\n".join(f"  {sign}" for sign in signs[:8]) + f"\n  and {len(signs) - 8} more" * (len(signs) > 8)
        raise StudyUnderWayError(
            f"{paths.folder.name} is being run:\n{shown}\n"
            f"Wait for it (python -m runner.status {paths.folder}), or stop it (python -m runner.cancel {paths.folder})"
        )


def _signs(paths: StudyPaths, attempts: Iterable[Attempt], own_lock: bool) -> Iterator[str]:
    running = [attempt for attempt in attempts if attempt.outcome == "running"]
    runner = None if own_lock else holder(paths)
    if runner:
        remedy = "" if is_alive(runner.host, runner.pid, runner.born) else f" (if it is gone, delete {paths.lock})"
        yield f"process {runner.pid} on {runner.host} holds it since {_clock(runner.start)}{remedy}"
    for attempt in running:
        if is_alive(attempt.host, attempt.pid, attempt.born):
            since = _clock(attempt.start)
            yield f"{attempt.stage} {attempt.task}: process {attempt.pid} on this machine, since {since}"
    yield from _jobs(paths, [attempt for attempt in running if attempt.job])


def _jobs(paths: StudyPaths, running: list[Attempt]) -> Iterator[str]:
    sent = list(submissions(paths))
    queued: list[tuple[Executor, QueuedJob]] = []
    for executor, of_it in by_executor(sent):
        try:
            queued += [(executor, job) for job in executor.queued(of_it)]
        except SchedulerError as error:
            if running or not all(task.complete for task in known_tasks(paths)):
                yield (
                    f"perhaps it has jobs on {executor.title}, which does not answer here "
                    f"({str(error).splitlines()[0]}): look where it does; if that is gone, move "
                    f"{paths.submissions} away"
                )
            return
    for executor, job in queued:
        yield f"{' '.join(job.key)}: {executor.title} job {job.id}, {job.state.lower()}"
    # Such as an execution on this machine inside a job of the user's own.
    others = {str(attempt.job): attempt for attempt in running} if running else {}
    for _, job in queued:
        others.pop(job.id, None)
    origins = {(job.submission.folder.name, job.id): job.origin for job in sent_jobs(sent)}
    wanted = {number: origins.get((attempt.submission or "", number), Origin()) for number, attempt in others.items()}
    for executor in elsewhere() if wanted else ():
        states = executor.states(wanted, {}).states
        for number, attempt in others.items():
            if number in states and states[number].alive:
                word = states[number].word.lower()
                yield f"{attempt.stage} {attempt.task}: {executor.title} job {number} on {attempt.host}, {word}"


def _clock(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
