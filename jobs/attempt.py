"""A task that is run, and the record of it, whatever becomes of it."""

import os
import re
import socket
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path

from jobs.job import Progress, task_cores
from jobs.processes import born
from srcnn.attempts import read_attempt
from srcnn.door import sentence
from srcnn.files import write_json
from srcnn.schema import Attempt, Outcome
from srcnn.words import text_of

UPDATE_S = 1.0  # between two writes of the progress
_under_way: ContextVar[Attempt | None] = ContextVar("_under_way", default=None)
_RECORD = re.compile(r"(?P<stage>[a-z]+)-(?P<task>.+)-(?P<number>\d+)\.json")


def attempt_files(folder: Path, stage: str, task: str) -> list[Path]:
    """Return the files of the attempts at a task, oldest first."""
    return sorted(folder.glob(f"{stage}-{task}-[0-9]*.json"), key=lambda file: int(file.stem.rsplit("-", 1)[1]))


def last_attempt(folder: Path, stage: str, task: str) -> Attempt | None:
    """Return the latest attempt at a task; None if there was none, or it is only just starting."""
    files = attempt_files(folder, stage, task)
    return read_attempt(files[-1]) if files else None


def last_attempts(folder: Path) -> dict[tuple[str, str], tuple[Attempt, int]]:
    """Return the latest recorded attempt at every task of a folder, and the number of the latest attempt."""
    newest: dict[tuple[str, str], int] = {}
    try:
        names = [entry.name for entry in os.scandir(folder)]
    except FileNotFoundError:
        return {}
    for name in names:
        match = _RECORD.fullmatch(name)
        if match:
            key, number = (match["stage"], match["task"]), int(match["number"])
            newest[key] = max(number, newest.get(key, 0))
    attempts = {}
    for (stage, task), latest in newest.items():
        records = (read_attempt(folder / f"{stage}-{task}-{number}.json") for number in range(latest, 0, -1))
        attempt = next(filter(None, records), None)
        if attempt:
            attempts[stage, task] = attempt, latest
    return attempts


def run_attempt(
    job: Callable[[Progress], None],
    folder: Path,
    stage: str,
    task: str,
    submission: str | None = None,
    log: str | None = None,
    show: Progress | None = None,
    job_id: str | None = None,
) -> None:
    """Call a task with its start, progress, end and outcome on record, and let its error pass on.

    ``job_id`` is the scheduler's job that this process belongs to.
    """
    number = _claim_number(folder, stage, task)
    pid = os.getpid()
    record = Attempt(
        stage,
        task,
        number,
        socket.gethostname(),
        pid,
        time.time(),
        log,
        cores=task_cores(),
        job=job_id,
        born=born(pid),
        submission=submission,
    )
    path = folder / f"{stage}-{task}-{number}.json"
    write_json(path, record.to_json())
    under_way = _under_way.set(record)
    try:
        _call(job, _Recorder(record, path, show))
    except BaseException as error:
        record.outcome = "failed" if isinstance(error, Exception) else "interrupted"
        record.cause, record.message = cause_of(error)
        if isinstance(error, Exception):  # not where a scheduler or Ctrl-C ends the process
            traceback.print_exc()
        raise
    else:
        record.outcome = "done"
    finally:
        _under_way.reset(under_way)
        record.end = time.time()
        write_json(path, record.to_json())


def close_attempt(folder: Path, attempt: Attempt, outcome: Outcome, cause: str, message: str) -> None:
    """Record how an attempt ended whose own process did not say it, or did not know."""
    attempt.outcome, attempt.cause, attempt.message, attempt.end = outcome, cause, message, time.time()
    write_json(folder / f"{attempt.stage}-{attempt.task}-{attempt.number}.json", attempt.to_json())


def record_failure(
    error: Exception, folder: Path, stage: str, task: str, submission: str, log: str, job_id: str | None
) -> None:
    """Record an attempt at a task that ended by an error before it had a process of its own that could say so."""

    def fail(progress: Progress) -> None:
        raise error

    with suppress(type(error)):
        run_attempt(fail, folder, stage, task, submission, log, None, job_id)


def record_device(device: str) -> None:
    """Record which device the attempt under way computes on; do nothing if there is none."""
    record = _under_way.get()
    if record is not None:
        record.device = device


def cause_of(error: BaseException) -> tuple[str, str]:
    """Return the class of an error and its message, which for an error of the system also says what to do."""
    return type(error).__name__, sentence(error) if isinstance(error, OSError) else text_of(error)


def _call(job: Callable[[Progress], None], progress: Progress) -> None:
    """Call a task. Raise RuntimeError if its code, such as the user's network, ends the process as if all were well."""
    try:
        job(progress)
    except SystemExit as error:
        if error.code:  # whoever ends a task gives a reason
            raise
        raise RuntimeError("the task's own code called sys.exit(), and its work is not done") from error


def _claim_number(folder: Path, stage: str, task: str) -> int:
    """Return the next free number, taken by creating its file: two copies of a task never share one."""
    folder.mkdir(parents=True, exist_ok=True)
    files = attempt_files(folder, stage, task)
    number = int(files[-1].stem.rsplit("-", 1)[1]) + 1 if files else 1
    while True:
        try:
            (folder / f"{stage}-{task}-{number}.json").touch(exist_ok=False)
            return number
        except FileExistsError:
            number += 1


class _Recorder:
    """A progress that writes itself into the attempt's record, at most once a second, and into the log."""

    def __init__(self, record: Attempt, path: Path, show: Progress | None) -> None:
        self.record, self.path, self.show = record, path, show
        self.written = 0.0
        self.began: float | None = None

    def __call__(self, done: int, total: int, note: str) -> None:
        record, now = self.record, time.monotonic()
        if self.began is None or done < record.done:  # the task begins, or makes earlier steps again
            record.first, self.began = done, now
        record.done, record.total, record.note = done, total, note
        record.seconds_left = seconds_left(now - self.began, done - record.first, total - done)
        if now - self.written >= UPDATE_S or done == total:
            self.written = now
            write_json(self.path, record.to_json())
            left = f" {record.seconds_left:.0f} s left" if record.seconds_left else ""
            print(f"{record.stage} {record.task}: {done}/{total}{left} {note}", flush=True)
        if self.show:
            self.show(done, total, note)


def seconds_left(elapsed: float, steps: int, more: int) -> float | None:
    """Return the seconds that ``more`` steps take at the pace of those made so far; None before the first."""
    return more * elapsed / steps if steps else None
