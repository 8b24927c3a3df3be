"""The disk that a study will take, said before it starts."""

import shutil
from collections import Counter
from collections.abc import Iterable

from runner.study.plan import Plan, PlannedTask


def space_needed(missing: Iterable[PlannedTask]) -> Counter[str]:
    """Bytes that the missing tasks will write, by the kind of files, from the sizes of networks and pictures."""
    need: Counter[str] = Counter()
    for task in missing:
        kind, count = task.job.bytes_to_write()
        if count:
            need[kind] += count
    return need


def space_text(plan: Plan, missing: Iterable[PlannedTask]) -> str:
    """The need in words, beside what is free; a warning where it does not fit."""
    need = space_needed(missing)
    folder = plan.paths.folder
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    kinds = ", ".join(f"{kind} {size(count)}" for kind, count in need.items())
    text = f"space: about {size(need.total())} will be written{f' ({kinds})' if kinds else ''}; {size(free)} are free"
    if need.total() > free:
        text += "\nWARNING: that does not fit; keep fewer epochs (render.epochs), or choose another --root"
    return text


def size(count: float) -> str:
    """Bytes in words."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
