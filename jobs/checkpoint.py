"""The checkpoints of a run on disk: which are kept, and which is used. Their format is ``srcnn.checkpoint``'s."""

import contextlib
import logging
import os
from collections.abc import Iterable
from pathlib import Path

from srcnn.checkpoint import Checkpoint, CheckpointError
from srcnn.damage import set_aside
from srcnn.files import write_bytes
from srcnn.paths import RunPaths
from srcnn.regular import NotRegular, read_regular
from srcnn.whole import is_sealed

__all__ = ["Checkpoint", "CheckpointError", "first_readable", "newest", "save_last", "set_aside_damaged"]

_log = logging.getLogger(__name__)


def save_last(paths: RunPaths, content: bytes, keep: int) -> None:
    """Write the newest state and keep ``keep - 1`` earlier ones beside it."""
    if keep > 1:
        chain = [paths.last, *(paths.previous(number) for number in range(1, keep))]
        for older, newer in zip(reversed(chain[1:]), reversed(chain[:-1]), strict=True):
            # A second copy of this task may be moving them too: the last rename wins.
            with contextlib.suppress(FileNotFoundError):
                os.replace(newer, older)
    write_bytes(paths.last, content, durable=True)


def newest(paths: RunPaths, kept: Iterable[int]) -> Checkpoint | None:
    """Return the most advanced state of a run that can be read; None if there is none."""
    earlier = sorted(paths.checkpoints.glob("previous_*.pt"), key=lambda path: int(path.stem.split("_")[1]))
    state = first_readable([paths.last, *earlier])
    # Kept states are written at once, the last one every few seconds: one of them may be ahead of it.
    ahead = (epoch for epoch in sorted(kept, reverse=True) if state is None or epoch > state.epoch)
    others = first_readable([paths.best]), first_readable(map(paths.checkpoint, ahead))
    return max(filter(None, (state, *others)), key=lambda checkpoint: checkpoint.epoch, default=None)


def first_readable(candidates: Iterable[Path]) -> Checkpoint | None:
    """Return the first of some checkpoints that is there and whole; name damaged ones in the log."""
    for path in candidates:
        if path.exists():
            try:
                return Checkpoint.load(path)
            except CheckpointError as error:
                _log.warning("%s; going on from an earlier one", error)
    return None


def set_aside_damaged(path: Path) -> Path | None:
    """Move a damaged file away, so that it is made again; return its new place, None if it is whole or absent."""
    try:
        return None if is_sealed(read_regular(path)) else set_aside(path)
    except FileNotFoundError:
        return None
    except (IsADirectoryError, NotRegular):
        return set_aside(path)
