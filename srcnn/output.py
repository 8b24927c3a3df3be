"""Files that a command is told to write: it replaces none that it reads, and no other unless it is told to."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

OTHERS = ", and not written by this command"


def identity(file: Path) -> tuple[int, int] | None:
    """Return what a file is known by, whatever path, link or spelling leads to it; None if there is none."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def refuse_to_replace(
    target: Path, overwrite: bool, *inputs: Path, is_own: Callable[[Path], bool] | None = None, option: str = "--out"
) -> str | None:
    """Return why a file must not be written; None if it may be. ``inputs`` are files, and folders with all below them.

    ``is_own`` says whether the command itself wrote a regular file, which it may then replace; ``option`` is the
    option that names the target.
    """
    if not os.path.lexists(target):
        return None
    known = identity(target)
    if known and any(identity(file) == known for place in inputs for file in _files(place)):
        return f"{target} is read by this command and would be overwritten; choose another {option}"
    ours = is_own and target.is_file() and not target.is_symlink() and is_own(target)
    if not (overwrite or ours):
        return f"{target} is there already{OTHERS if is_own else ''}; choose another {option}, or say --overwrite"
    if target.exists() and not target.is_file():  # a device that is replaced is lost to the whole machine
        return f"{target} is not a file, but a folder, a pipe, a socket or a device; choose another {option}"
    return None


def _files(place: Path) -> Iterable[Path]:
    if not place.is_dir():
        return [place]
    return (Path(folder, name) for folder, _, names in os.walk(place) for name in names)
