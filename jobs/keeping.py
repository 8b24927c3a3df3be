"""The choice of the states of a training that are kept, and the files that they are kept in."""

import json
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from jobs.checkpoint import save_last
from srcnn.experiment import KeepConfig
from srcnn.files import write_bytes, write_text
from srcnn.history import Epoch
from srcnn.paths import RunPaths


@dataclass(frozen=True)
class Kept:
    """The roles that the state of an epoch is kept in: the epoch's own checkpoint, the best state, the newest one."""

    checkpoint: bool
    best: bool
    newest: bool

    def anywhere(self) -> bool:
        """Say whether the state is kept at all."""
        return self.checkpoint or self.best or self.newest


def kept_as(epoch: int, history: Sequence[Epoch], *, wanted: Collection[int], best: bool) -> Kept:
    """Return what the state of ``epoch`` is kept as.

    ``history`` holds every epoch that was ever trained, ``epoch`` among them: an earlier one that is trained again is
    not the newest. ``wanted`` are the epochs whose own checkpoint is to be written, and ``best`` says whether the best
    state is kept.
    """
    return Kept(
        checkpoint=epoch in wanted,
        best=best and epoch == best_epoch(history),
        newest=epoch == len(history),
    )


def best_epoch(history: Sequence[Epoch]) -> int:
    """Return the epoch of the lowest held-out loss, or training loss where nothing is held out; 0 before any epoch."""
    if not history:
        return 0
    held_out = history[0]["holdout_loss"] is not None
    lowest = min(history, key=lambda epoch: epoch["holdout_loss"] if held_out else epoch["train_loss"])  # type: ignore[arg-type, return-value]
    return lowest["epoch"]


class StateWriter:
    """The writer of states into a run's files.

    An epoch's own checkpoint is written at once. The best and the newest state wait until ``flush``, so that short
    epochs cost no writing. What lies on disk is always a training that stopped at some epoch: the best state is
    written before the newest one, whose history knows of it, and training goes on from the most advanced of all.
    """

    def __init__(self, paths: RunPaths, keep: KeepConfig) -> None:
        self.paths, self.keep = paths, keep
        self._best: bytes | None = None
        self._newest: tuple[bytes, list[Epoch]] | None = None
        self._flushed = time.monotonic()

    def keep_state(self, epoch: int, kept: Kept, content: Callable[[], bytes], history: Sequence[Epoch]) -> None:
        """Keep a state; ``content`` gives its file's bytes and is called only if it is kept."""
        if not kept.anywhere():
            return
        state = content()
        if kept.checkpoint:
            write_bytes(self.paths.checkpoint(epoch), state, durable=True)
        if kept.best:
            self._best = state
        if kept.newest:
            self._newest = state, list(history)

    def is_due(self) -> bool:
        """Say whether the last flush is as long ago as the study allows."""
        return time.monotonic() - self._flushed >= self.keep.every_s

    def flush(self) -> None:
        """Write the states that wait."""
        if self._best is not None:
            write_bytes(self.paths.best, self._best, durable=True)
        if self._newest is not None:
            state, history = self._newest
            save_last(self.paths, state, self.keep.last)
            write_history(self.paths, history)
        self._best = self._newest = None
        self._flushed = time.monotonic()


def write_history(paths: RunPaths, history: Sequence[Epoch]) -> None:
    """Write ``history.jsonl``: a line an epoch."""
    write_text(paths.history, "".join(json.dumps(epoch) + "\n" for epoch in history))
