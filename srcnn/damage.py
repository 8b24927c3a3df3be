"""Damaged files: named with a remedy, and set aside where they are made again.

A full disk, a power loss or a copy that broke off leaves files that are empty, cut or garbage. A file
that was made from others is moved out of the way, so that the next submission makes it again.
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
    """The error of a file whose content is not what it should be: which, why, and what to do."""

    def __init__(self, path: Path, reason: object, remedy: str = AGAIN) -> None:
        self.path = path
        self.reason = (said(reason) if isinstance(reason, Exception) else str(reason)).removeprefix(f"{path}: ")
        super().__init__(f"{path}: {self.fault()}; {remedy}")

    def fault(self) -> str:
        """Return in words what is wrong with the file."""
        return f"is damaged ({self.reason})"

    def __reduce__(self) -> tuple[object, ...]:  # worker processes send it back
        return _again, (type(self), self.args, self.__dict__)


class NoFile(DamagedFile):
    """The error of something else in a file's place: a folder, a pipe, a device, a file of another kind."""

    def fault(self) -> str:
        """Return in words what stands there."""
        return self.reason


def of_another_kind(path: Path, start: bytes, kind: str) -> NoFile | None:
    """Return an error for a file that does not begin as its kind does; None if it does, is empty, or cannot be read."""
    try:
        with open_regular(path) as file:
            begins = file.read(len(start))
    except OSError:
        return None
    return NoFile(path, f"is a file of another kind, not {kind}") if begins and not begins.startswith(start) else None


def _again(kind: type[DamagedFile], args: tuple[object, ...], state: dict[str, object]) -> DamagedFile:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


Identity = tuple[int, int, int]


def identity(path: Path) -> Identity | None:
    """Return what tells a file from one that is written in its place later; None if there is none."""
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def set_aside(path: Path, seen: Identity | None = None) -> Path | None:
    """Move a damaged file out of the way and return where it is; None if it is gone already.

    ``seen`` is the identity of the file that was found to be damaged: one that another process wrote since stays.
    Raises OSError where nothing may be moved.
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
    """Return a name to set a file aside by: an earlier one is replaced, unless it or the file is a folder."""
    number, name = 1, aside
    while os.path.lexists(name) and (name.is_dir() or path.is_dir()):
        number += 1
        name = aside.with_name(f"{path.name}.{number}{SUFFIX}")
    return name


def remade(path: Path, reason: object, seen: Identity | None = None) -> DamagedFile:
    """Set aside a damaged file that a stage made, so that the stage makes it again, and return the error to raise."""
    try:
        set_aside(path, seen)
    except OSError as error:
        return unmovable(path, reason, error)
    return _with_remedy(path, reason, f"it was set aside: {AGAIN}")


def unmovable(path: Path, reason: object, error: OSError) -> DamagedFile:
    """Return the error to raise for a damaged file that could not be set aside, because of ``error``."""
    return _with_remedy(path, reason, f"it could not be set aside ({error.strerror}): delete it and {AGAIN}")


def _with_remedy(path: Path, reason: object, remedy: str) -> DamagedFile:
    if isinstance(reason, DamagedFile):
        return type(reason)(path, reason.reason, remedy)
    if isinstance(reason, IsADirectoryError):
        return NoFile(path, "is a folder, not a file", remedy)
    return DamagedFile(path, reason, remedy)


def is_content_fault(error: Exception) -> bool:
    """Say whether a reader failed on what a file holds.

    HDF5 and Arrow raise OSError for that, too, but without a number; with one a disk or a server failed, and the file
    may be whole, as it may where memory lacked. A folder in the file's place counts as a fault of the content.
    """
    if isinstance(error, OSError):
        return error.errno is None or isinstance(error, IsADirectoryError)
    return not isinstance(error, MemoryError)


def named(error: Exception, path: Path) -> Exception:
    """Return the error with the name of its file, which readers leave out."""
    if isinstance(error, OSError) and error.errno is not None and error.filename is None:
        return OSError(error.errno, os.strerror(error.errno), str(path))
    return error
