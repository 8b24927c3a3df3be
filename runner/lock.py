"""One runner a study: two submits at the same time never start anything twice."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Any

from jobs.processes import born, is_alive
from srcnn.files import read_json, temporary_path, write_json
from srcnn.paths import StudyPaths

WAIT_S = 120.0  # for another submission to SLURM, which takes seconds
POLL_S = 0.2


class StudyBusyError(RuntimeError):
    """Another runner works on the study; the message names it and what to do."""


@dataclass(frozen=True)
class Holder:
    """The process that works on a study: ``executor`` local for as long as it runs, slurm while it submits."""

    host: str
    pid: int
    born: str | None
    executor: str
    start: float

    def alive(self) -> bool:
        """Whether it still runs; taken for granted where it cannot be seen from here."""
        return is_alive(self.host, self.pid, self.born) is not False


def holder(paths: StudyPaths) -> Holder | None:
    """Who works on a study now; None if nobody does."""
    value = _read(paths)
    return found if value and (found := Holder(**value)).alive() else None


@contextmanager
def study_lock(paths: StudyPaths, executor: str, wait_s: float = WAIT_S) -> Iterator[Holder | None]:
    """Work on a study alone; gives the runner that died and was replaced, if there was one.

    A submission to SLURM by somebody else is waited for. Raises StudyBusyError where a local
    execution is under way, here or on another machine.
    """
    mine = Holder(socket.gethostname(), os.getpid(), born(os.getpid()), executor, time.time())
    replaced = _acquire(paths, mine, wait_s)
    try:
        yield replaced
    finally:
        if _read(paths) == asdict(mine):
            paths.lock.unlink(missing_ok=True)


def _acquire(paths: StudyPaths, mine: Holder, wait_s: float) -> Holder | None:
    paths.folder.mkdir(parents=True, exist_ok=True)
    ticket = temporary_path(paths.lock)
    write_json(ticket, asdict(mine))
    replaced: Holder | None = None
    end = time.monotonic() + wait_s
    try:
        while True:
            try:
                os.link(ticket, paths.lock)  # atomic, on network file systems too
                return replaced
            except FileExistsError:
                value = _read(paths)
            if value is None:
                continue
            other = Holder(**value)
            if not other.alive():
                replaced = other if _set_aside(paths, value) else replaced
            elif other.executor != "slurm" or time.monotonic() > end:
                raise StudyBusyError(_busy_text(paths, other))
            else:
                time.sleep(POLL_S)
    finally:
        ticket.unlink(missing_ok=True)


def _set_aside(paths: StudyPaths, stale: dict[str, Any]) -> bool:
    """Take away the lock of a dead process, and no other that was put there meanwhile."""
    aside = temporary_path(paths.lock)
    try:
        os.rename(paths.lock, aside)
    except FileNotFoundError:
        return False
    try:
        if read_json(aside) == stale:
            return True
        # A living one's, taken between our two looks. Should a third have come in meanwhile, it stays.
        with suppress(FileExistsError):
            os.link(aside, paths.lock)
        return False
    finally:
        aside.unlink(missing_ok=True)


def _read(paths: StudyPaths) -> dict[str, Any] | None:
    value: dict[str, Any] | None = read_json(paths.lock)
    return value


def _busy_text(paths: StudyPaths, other: Holder) -> str:
    since = time.strftime("%H:%M:%S", time.localtime(other.start))
    busy = f"{paths.folder.name} is being {'submitted' if other.executor == 'slurm' else 'run'}"
    text = f"{busy} by process {other.pid} on {other.host} since {since}"
    if is_alive(other.host, other.pid, other.born) is None:
        text += f", which cannot be seen from here (if it is gone, delete {paths.lock})"
    if other.executor == "slurm":
        return text
    return (
        f"{text}; watch it with python -m runner.status {paths.folder}, "
        f"stop it with python -m runner.cancel {paths.folder}"
    )
