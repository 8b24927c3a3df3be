"""The disk that a study will take, said before it starts."""

import os
import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runner.study.plan import PlannedTask


REMEDY = "keep fewer epochs (render.epochs) or pictures (render.keep), or choose another --root"


def existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that is there."""
    while not folder.exists():
        folder = folder.parent
    return folder


def free_bytes(folder: Path) -> int:
    """Return what is free on the disk where a folder lies or will lie."""
    return shutil.disk_usage(existing(folder)).free


def space_needed(missing: "Iterable[PlannedTask]") -> Counter[str]:
    """Return the bytes that missing tasks will write, by the kind of files, from the sizes of networks and pictures."""
    need: Counter[str] = Counter()
    for task in missing:
        kind, count = task.job.bytes_to_write()
        if count:
            need[kind] += count
    return need


def files_needed(missing: "Iterable[PlannedTask]") -> int:
    """Return how many files missing tasks will write as their results; the best epoch may also be the last."""
    from srcnn.outputs import Shelf  # brings numpy, which the doctor looks for

    shelf = Shelf()
    return sum(shelf.files_lacking(output) for task in missing for output in task.outputs)


def free_files(folder: Path) -> int | None:
    """Return how many more files the disk takes where a folder lies or will lie; None where it does not count them."""
    status = os.statvfs(existing(folder))
    return status.f_favail if status.f_files else None


def space_text(folder: Path, missing: "Iterable[PlannedTask]") -> str:
    """Return what missing tasks will write below a folder, beside what is free; a warning where it does not fit."""
    missing = list(missing)
    need, free, files, more = space_needed(missing), free_bytes(folder), files_needed(missing), free_files(folder)
    kinds = ", ".join(f"{kind} {size(count)}" for kind, count in need.items())
    text = (
        f"space: about {size(need.total())} will be written in {files:,} files{f' ({kinds})' if kinds else ''}; "
        f"{size(free)} are free"
    )
    if need.total() > free:
        text += f"\nWARNING: that does not fit; {REMEDY}"
    if more is not None and files > more:
        text += f"\nWARNING: the disk takes no more than {more:,} files; {REMEDY}"
    return text


def size(count: float) -> str:
    """Return a number of bytes in words."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
