"""One runner a study: two submits at the same time never start anything twice."""

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from jobs.processes import born, is_alive
from srcnn.damage import DamagedFile
from srcnn.files import temporary_path
from srcnn.paths import StudyPaths
from srcnn.records import record
from srcnn.regular import read_regular

WAIT_S = 120.0  # for what holds a study for seconds only
POLL_S = 0.2
LATEST = 1e11  # seconds since 1970, in the year 5138
GRACE_S = 3.0  # a lock that names nobody may be being written


# What a process does to a study: it runs its tasks, sends them to an executor elsewhere, cancels jobs, cleans up.
Doing = Literal["run", "submit", "cancel", "clean"]
_BUSY: dict[Doing, str] = {"run": "run", "submit": "submitted", "cancel": "cancelled", "clean": "cleaned"}


class StudyBusyError(RuntimeError):
    """Another runner works on the study; the message names it and what to do."""

    page = "how-to/run.md"


@dataclass(frozen=True)
class Holder:
    """The process that works on a study, what it is ``doing``, and with which executor, if with one."""

    host: str
    pid: int
    born: str | None
    executor: str
    start: float
    study: str = ""  # the folder that it works on
    doing: Doing = "run"

    def works_on(self, folder: Path) -> bool:
        """Say whether it works on this folder, and not on one that this is a copy of."""
        return not self.study or Path(self.study) == folder.resolve() or _is_same(Path(self.study), folder)

    def __post_init__(self) -> None:
        if not 0 <= self.start < LATEST:
            raise ValueError(f"start: expected seconds since 1970, found {self.start}")

    @property
    def is_brief(self) -> bool:
        """Whether it works on the study for seconds only, and is waited for."""
        return self.doing in ("submit", "cancel")

    def alive(self) -> bool:
        """Say whether it still runs; true where it cannot be seen from here."""
        return is_alive(self.host, self.pid, self.born) is not False


_holder = record(Holder)


def holder(paths: StudyPaths) -> Holder | None:
    """Return the process that works on a study now; None if there is none. Raises DamagedFile."""
    content, process = _read(paths)
    if content is not None and process is None:
        remedy = "delete it, unless python -m runner.submit is at work on the study; the next one does so itself"
        raise DamagedFile(paths.lock, "it names no process", remedy)
    return process if process and process.works_on(paths.folder) and process.alive() else None


@contextmanager
def study_lock(
    paths: StudyPaths, executor: str, doing: Doing = "run", wait_s: float = WAIT_S
) -> Iterator[Holder | None]:
    """Hold a study alone; give the runner that died and was replaced, if there was one.

    It waits for a process that holds the study for seconds only. Raises StudyBusyError where a process runs its
    tasks, here or on another machine.
    """
    here, study = socket.gethostname(), str(paths.folder.resolve())
    mine = Holder(here, os.getpid(), born(os.getpid()), executor, time.time(), study, doing)
    replaced = _acquire(paths, mine, wait_s)
    try:
        yield replaced
    finally:
        if _content(paths.lock) == _text(mine):
            paths.lock.unlink(missing_ok=True)


def _acquire(paths: StudyPaths, mine: Holder, wait_s: float) -> Holder | None:
    content = _text(mine)
    replaced: Holder | None = None
    end = time.monotonic() + wait_s
    while True:
        try:
            if _put(paths.lock, content):
                return replaced
            continue  # what is taken for damaged while it is written is set aside
        except FileExistsError:
            pass
        stale, other = _read(paths)
        if stale is None:
            continue
        if other and not other.works_on(paths.folder):
            _set_aside(paths, stale)
        elif other is None or not other.alive():
            if _set_aside(paths, stale):
                replaced = other or replaced
        elif not other.is_brief or time.monotonic() > end:
            raise StudyBusyError(_busy_text(paths, other))
        else:
            time.sleep(POLL_S)


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _text(mine: Holder) -> bytes:
    return json.dumps(asdict(mine)).encode()


def _put(lock: Path, content: bytes) -> bool:
    """Make the lock, and say whether it is there. Raises FileExistsError if there is one already.

    Created exclusively, then written: a link to a finished file would be there at once, but not
    every file system has links.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("xb") as file:
        try:
            file.write(content)
            file.flush()
        except OSError:
            lock.unlink(missing_ok=True)
            raise
    return _content(lock) == content


def _set_aside(paths: StudyPaths, stale: bytes) -> bool:
    """Take away the lock of a dead process, or a damaged one, and no other that was put there meanwhile."""
    aside = temporary_path(paths.lock)
    try:
        os.rename(paths.lock, aside)
    except FileNotFoundError:
        return False
    try:
        taken = _content(aside)
        if taken == stale:
            return True
        # A living one's, taken between our two looks. Should a third have come in meanwhile, it stays.
        with suppress(FileExistsError):
            _put(paths.lock, taken or b"")
        return False
    finally:
        if not aside.is_dir():
            aside.unlink(missing_ok=True)


def _read(paths: StudyPaths) -> tuple[bytes | None, Holder | None]:
    """Return the lock's content (None if there is no lock) and the process that it names (None if it names none).

    It is looked at for a while before it counts as damaged: it may be being written.
    """
    end = time.monotonic() + GRACE_S
    while True:
        content = _content(paths.lock)
        if content is None:
            return None, None
        try:
            return content, _holder(json.loads(content))
        except (ValueError, RecursionError):
            if time.monotonic() > end:
                return content, None
        time.sleep(POLL_S)


def _content(lock: Path) -> bytes | None:
    """Return what a lock holds; None if there is none, no bytes if it is no file or leads nowhere."""
    if not lock.is_file():
        return b"" if os.path.lexists(lock) else None
    try:
        return read_regular(lock)
    except FileNotFoundError:
        return None


def _busy_text(paths: StudyPaths, other: Holder) -> str:
    since = time.strftime("%H:%M:%S", time.localtime(other.start))
    busy = f"{paths.folder.name} is being {_BUSY[other.doing]}"
    text = f"{busy} by process {other.pid} on {other.host} since {since}"
    if is_alive(other.host, other.pid, other.born) is None:
        text += f", which cannot be seen from here (if it is gone, delete {paths.lock})"
    if other.is_brief:
        return text
    return (
        f"{text}; watch it with python -m runner.status {paths.folder}, "
        f"stop it with python -m runner.cancel {paths.folder}"
    )
