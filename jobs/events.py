"""The TensorBoard events of a run: what history.jsonl says, for people who watch many runs at once."""

import importlib.util
import logging
import shutil
from collections.abc import Iterable
from pathlib import Path

from srcnn.history import Epoch
from srcnn.paths import is_within

MISSING = "training.tensorboard needs the package tensorboard: pip install 'srcnn-runner[tensorboard]'"

_log = logging.getLogger(__name__)


def has_tensorboard() -> bool:
    """Say whether the optional package is installed."""
    return importlib.util.find_spec("tensorboard") is not None


class Events:
    """The folder of a run's events, written anew from the history at every start.

    If a link leads the folder outside of the ``study``, what lies there is not removed.
    """

    def __init__(self, folder: Path, history: Iterable[Epoch], study: Path) -> None:
        if not has_tensorboard():
            raise ModuleNotFoundError(MISSING)
        from torch.utils.tensorboard import SummaryWriter  # an optional package

        if is_within(folder, study):
            shutil.rmtree(folder, ignore_errors=True)
        elif folder.exists():
            _log.warning(
                "%s lies in %s, outside of the study: what is in it stays, and TensorBoard shows both",
                folder,
                folder.parent.resolve(),
            )
        self.writer = SummaryWriter(str(folder))
        for record in history:
            self.add(record)

    def add(self, record: Epoch) -> None:
        """Write the events of one epoch."""
        values = {
            "loss/train": record["train_loss"],
            "loss/holdout": record["holdout_loss"],
            "learning_rate": record["learning_rate"],
            "patches_per_second": record["patches_per_second"],
            **{f"{key}/{name}": value for name, scores in record["sets"].items() for key, value in scores.items()},
        }
        for tag, value in values.items():
            if value is not None:
                self.writer.add_scalar(tag, value, record["epoch"])
        self.writer.flush()

    def close(self) -> None:
        """Close the file of events."""
        self.writer.close()
