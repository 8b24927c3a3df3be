"""The history of a training: ``history.jsonl``, a line an epoch."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict

from srcnn.files import parsed, read_own
from srcnn.records import record
from srcnn.regular import NotRegular, open_regular, read_regular

_LINE = 1 << 16  # bytes that hold a line of any history

Precision = Literal["float32", "tf32", "bfloat16"]  # the numbers that products of a training are taken in


class Epoch(TypedDict):
    """What one epoch gave; ``sets`` holds the mean scores of the pictures that are watched, by set."""

    epoch: int
    train_loss: float
    holdout_loss: float | None
    learning_rate: float
    precision: Precision
    steps: int
    seconds: float
    cpu_seconds: float
    patches_per_second: float
    peak_memory_mb: float
    sets: dict[str, dict[str, float]]
    warning: NotRequired[str]


# What differs between two executions of one training; everything else in a record is the same.
TIMINGS = ("seconds", "cpu_seconds", "patches_per_second", "peak_memory_mb")


def read_history(path: Path) -> list[Epoch]:
    """Return the epochs from the first on; none if there is no such file. Raises DamagedFile."""
    try:
        content = read_own(path)
    except FileNotFoundError:
        return []
    # Weights that are used as they are have a history without epochs.
    epochs: list[Epoch] = parsed(path, content, _epochs) if content else []
    return epochs


def last_epoch(path: Path) -> int:
    """Return the last epoch of a history, read from its last line alone; 0 if there is none, or no record of an epoch.

    Raises OSError, which names the file, where it cannot be read.
    """
    try:
        with open_regular(path) as file:
            file.seek(max(0, file.seek(0, 2) - _LINE))
            lines = file.read().splitlines()
        return int(epoch_of(json.loads(lines[-1]))["epoch"]) if lines else 0
    except (FileNotFoundError, IsADirectoryError, NotRegular, ValueError, RecursionError):
        return 0
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def best_epoch(path: Path, epochs: Sequence[int]) -> int:
    """Return which of some epochs has the lowest held-out loss; the last where a history does not tell."""
    try:
        told = [epoch_of(json.loads(line)) for line in read_regular(path).splitlines() if line.strip()]
    except (FileNotFoundError, IsADirectoryError, NotRegular, ValueError, RecursionError):
        told = []
    losses = {record["epoch"]: loss for record in told if (loss := record["holdout_loss"]) is not None}
    return min((epoch for epoch in epochs if epoch in losses), key=lambda epoch: losses[epoch], default=epochs[-1])


def _epochs(content: bytes) -> list[Epoch]:
    epochs: list[Epoch] = [epoch_of(json.loads(line)) for line in content.splitlines() if line.strip()]
    if [epoch["epoch"] for epoch in epochs] != list(range(1, len(epochs) + 1)):
        raise ValueError("its lines are not the epochs from the first on")
    return epochs


epoch_of: Callable[[Any], Epoch] = record(Epoch)  # of what JSON holds; raises ValueError
