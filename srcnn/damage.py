"""Damaged files: named with the way out, and set aside where they are made again.

A full disk, a power loss or a copy that broke off leaves files that are empty, cut or garbage. What
is made from something else is moved out of the way, so that the next submission makes it again.
"""

import logging
import os
from pathlib import Path

AGAIN = "submit the study again to remake it"
SUFFIX = ".damaged"

_log = logging.getLogger(__name__)


class DamagedFile(ValueError):
    """A file whose content is not what it should be: which, why, and what to do."""

    def __init__(self, path: Path, reason: object, remedy: str = AGAIN) -> None:
        why = str(reason).removeprefix(f"{path}: ") or type(reason).__name__
        super().__init__(f"{path}: is damaged ({why}); {remedy}")
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:  # it comes back from worker processes
        return _again, (type(self), self.args, self.__dict__)


def _again(kind: type[DamagedFile], args: tuple[object, ...], state: dict[str, object]) -> DamagedFile:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


def set_aside(path: Path) -> Path | None:
    """Where a damaged file was moved to; None if it is gone already. Raises OSError where nothing may be moved."""
    aside = path.with_name(path.name + SUFFIX)
    try:
        os.replace(path, aside)
    except FileNotFoundError:
        return None
    _log.warning("%s: is damaged; set aside as %s", path, aside.name)
    return aside


def remade(path: Path, reason: object) -> DamagedFile:
    """The error to raise for a damaged file that a stage made: it is set aside, so that the stage makes it again."""
    try:
        set_aside(path)
    except OSError as error:
        return DamagedFile(path, reason, f"it could not be set aside ({error.strerror}): delete it and {AGAIN}")
    return DamagedFile(path, reason, f"it was set aside: {AGAIN}")


def is_content_fault(error: Exception) -> bool:
    """Whether a reader failed on what a file holds.

    HDF5 and Arrow raise OSError for that, too; where a disk or a server failed it has a number, and the file may be
    whole. So it may be where memory lacked.
    """
    return not isinstance(error, MemoryError) and (not isinstance(error, OSError) or error.errno is None)
