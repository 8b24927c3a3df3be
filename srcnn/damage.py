"""Damaged files: named with the way out, and set aside where they are made again.

A full disk, a power loss or a copy that broke off leaves files that are empty, cut or garbage. What
is made from something else is moved out of the way, so that the next submission makes it again.
"""

import logging
import os
from pathlib import Path

from srcnn.regular import open_regular
from srcnn.words import said

AGAIN = "submit the study again to remake it"
SUFFIX = ".damaged"

_log = logging.getLogger(__name__)


class DamagedFile(ValueError):
    """A file whose content is not what it should be: which, why, and what to do."""

    def __init__(self, path: Path, reason: object, remedy: str = AGAIN) -> None:
        self.path = path
        self.reason = (said(reason) if isinstance(reason, Exception) else str(reason)).removeprefix(f"{path}: ")
        super().__init__(f"{path}: {self.fault()}; {remedy}")

    def fault(self) -> str:
        """What is wrong with the file, in words."""
        return f"is damaged ({self.reason})"

    def __reduce__(self) -> tuple[object, ...]:  # it comes back from worker processes
        return _again, (type(self), self.args, self.__dict__)


class NoFile(DamagedFile):
    """Something else stands where a file should: a folder, a pipe, a device, a file of another kind."""

    def fault(self) -> str:
        """What stands there."""
        return self.reason


def of_another_kind(path: Path, start: bytes, kind: str) -> NoFile | None:
    """The error for a file that does not begin as its kind does; None if it does, or is empty, or cannot be read."""
    try:
        with open_regular(path) as file:
            begins = file.read(len(start))
    except OSError:
        return None
    return NoFile(path, f"is no {kind} file") if begins and not begins.startswith(start) else None


def _again(kind: type[DamagedFile], args: tuple[object, ...], state: dict[str, object]) -> DamagedFile:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


Identity = tuple[int, int, int]


def identity(path: Path) -> Identity | None:
    """What tells a file from one that is written in its place later; None if there is none."""
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def set_aside(path: Path, seen: Identity | None = None) -> Path | None:
    """Where a damaged file was moved to; None if it is gone already. Raises OSError where nothing may be moved.

    ``seen`` is the file that was found to be damaged: one that another process wrote since stays.
    """
    aside = _free(path.with_name(path.name + SUFFIX), path)
    try:
        os.replace(path, aside)
        if seen and identity(aside) != seen:
            os.replace(aside, path)
            return None
    except FileNotFoundError:
        return None
    _log.warning("%s: is damaged; set aside as %s", path, aside.name)
    return aside


def _free(aside: Path, path: Path) -> Path:
    """A name to set a file aside by: an earlier one is replaced, unless it or this is a folder."""
    number, name = 1, aside
    while os.path.lexists(name) and (name.is_dir() or path.is_dir()):
        number += 1
        name = aside.with_name(f"{path.name}.{number}{SUFFIX}")
    return name


def remade(path: Path, reason: object, seen: Identity | None = None) -> DamagedFile:
    """The error to raise for a damaged file that a stage made: it is set aside, so that the stage makes it again."""
    try:
        set_aside(path, seen)
    except OSError as error:
        return unmovable(path, reason, error)
    return _with_remedy(path, reason, f"it was set aside: {AGAIN}")


def unmovable(path: Path, reason: object, error: OSError) -> DamagedFile:
    """The error to raise for a damaged file that could not be set aside, because of ``error``."""
    return _with_remedy(path, reason, f"it could not be set aside ({error.strerror}): delete it and {AGAIN}")


def _with_remedy(path: Path, reason: object, remedy: str) -> DamagedFile:
    if isinstance(reason, DamagedFile):
        return type(reason)(path, reason.reason, remedy)
    if isinstance(reason, IsADirectoryError):
        return NoFile(path, "is a folder, and no file", remedy)
    return DamagedFile(path, reason, remedy)


def is_content_fault(error: Exception) -> bool:
    """Whether a reader failed on what a file holds.

    HDF5 and Arrow raise OSError for that, too; where a disk or a server failed it has a number, and the file may be
    whole. So it may be where memory lacked. A folder in its place is no such file.
    """
    if isinstance(error, OSError):
        return error.errno is None or isinstance(error, IsADirectoryError)
    return not isinstance(error, MemoryError)


def named(error: Exception, path: Path) -> Exception:
    """The error with the file that it is about, which readers leave out."""
    if isinstance(error, OSError) and error.errno is not None and error.filename is None:
        return OSError(error.errno, os.strerror(error.errno), str(path))
    return error
