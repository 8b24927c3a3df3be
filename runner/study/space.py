"""The disk that a study will take, said before it starts."""

import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runner.study.plan import PlannedTask


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


def space_text(folder: Path, missing: "Iterable[PlannedTask]") -> str:
    """Return what missing tasks will write below a folder, beside what is free; a warning where it does not fit."""
    need, free = space_needed(missing), free_bytes(folder)
    kinds = ", ".join(f"{kind} {size(count)}" for kind, count in need.items())
    text = f"space: about {size(need.total())} will be written{f' ({kinds})' if kinds else ''}; {size(free)} are free"
    if need.total() > free:
        text += "\nWARNING: that does not fit; keep fewer epochs (render.epochs), or choose another --root"
    return text


def size(count: float) -> str:
    """Return a number of bytes in words."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
