"""Stage ``train``: one network, from patches to checkpoints and a history."""

import json
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.pictures import load_set
from jobs.stage import Progress, silent, task_cores
from srcnn.experiment import Experiment, data_id
from srcnn.files import read_picture, write_text
from srcnn.metrics import score
from srcnn.paths import RootPaths, RunPaths
from srcnn.views import interpolated_bands, reference

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from jobs.checkpoint import Checkpoint

_log = logging.getLogger(__name__)
Record = dict[str, Any]


@dataclass(frozen=True)
class Train:
    """Train one run. ``monitor_sets`` maps a set's name to its id: scored after every epoch."""

    root: RootPaths
    paths: RunPaths
    experiment: Experiment
    train_set: str
    monitor_sets: dict[str, str]

    def is_done(self) -> bool:
        """Whether every kept checkpoint is there and the history is complete."""
        return (
            not self.missing_epochs()
            and self.paths.last.exists()
            and self.paths.best.exists()
            and read_epochs(self.paths.history) >= self.experiment.training.epochs
        )

    def missing_epochs(self) -> list[int]:
        """Kept epochs without a checkpoint."""
        return [epoch for epoch in self.experiment.kept_epochs if not self.paths.checkpoint(epoch).exists()]

    def __call__(self, progress: Progress = silent) -> None:
        """Train from the last checkpoint on, and remake any that were lost."""
        if not self.is_done():
            _Trainer(self, progress).run()


def read_epochs(history: Path) -> int:
    """The last epoch of a history file; 0 if there is none."""
    try:
        lines = history.read_text().splitlines()
    except FileNotFoundError:
        return 0
    return int(json.loads(lines[-1])["epoch"]) if lines else 0


class _Trainer:
    """The objects that live while a run is trained."""

    def __init__(self, stage: Train, progress: Progress) -> None:
        import torch

        from srcnn.dataset import read_patches
        from srcnn.deprocess import standardisation
        from srcnn.models import build_model
        from srcnn.training import Tensors

        self.stage, self.progress = stage, progress
        self.paths, self.experiment = stage.paths, stage.experiment
        torch.set_num_threads(task_cores())
        patches_file = stage.root.patches(data_id(self.experiment.data, stage.train_set))
        if not patches_file.exists():
            raise FileNotFoundError(f"{patches_file}: no training patches; the prepare stage makes them")
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        patches = read_patches(patches_file)
        self.scale = standardisation(self.experiment.training.standardise, patches.mean, patches.std)
        self.train = Tensors.of(patches.train_input, patches.train_target, self.scale, device)
        self.holdout = Tensors.of(patches.holdout_input, patches.holdout_target, self.scale, device)
        config = self.experiment.model
        self.model = build_model(config.name, residual=config.residual, seed=self.experiment.seed)
        self.initial = {name: value.clone() for name, value in self.model.state_dict().items()}
        # Twice as fast on a CPU for these layers, same arithmetic.
        self.model.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.monitor = [
            _MonitoredPicture(name, read_picture(Path(picture.path)), self.experiment)
            for name, set_id in stage.monitor_sets.items()
            for picture in load_set(stage.root, set_id).pictures[: self.experiment.training.monitor_pictures]
        ]

    def run(self) -> None:
        """Train on to the end, then remake checkpoints of earlier epochs that were lost."""
        epochs = self.experiment.training.epochs
        state = self._load([self.paths.last, *self._files_before(epochs)])
        self.longest: list[Record] = state.history if state else []
        self._train(state, epochs)
        for epoch in self._lost():
            self._train(self._load(self._files_before(epoch)), epoch)
        self._write_history(self.longest)

    def _lost(self) -> list[int]:
        lost = {e for e in self.experiment.kept_epochs if not self.paths.checkpoint(e).exists()}
        return sorted(lost if self.paths.best.exists() else lost | {best_epoch(self.longest)})

    def _files_before(self, epoch: int) -> list[Path]:
        earlier = [e for e in self.experiment.kept_epochs if e < epoch]
        return [self.paths.checkpoint(e) for e in reversed(earlier)]

    def _load(self, candidates: Iterable[Path]) -> "Checkpoint | None":
        """The first checkpoint that can be read; None to start from scratch."""
        from jobs.checkpoint import Checkpoint, CheckpointError

        for path in candidates:
            if path.exists():
                try:
                    return Checkpoint.load(path)
                except CheckpointError as error:
                    _log.warning("%s; going on from an earlier one", error)
        return None

    def _train(self, state: "Checkpoint | None", until: int) -> None:
        import torch

        from srcnn.training import holdout_loss, steps_per_epoch, train_epoch

        config = self.experiment.training
        optimiser = torch.optim.Adam(self.model.parameters(), lr=config.learning_rate)
        self.model.load_state_dict(state.model if state else self.initial)
        if state:
            optimiser.load_state_dict(state.optimiser)
        history: list[Record] = list(state.history) if state else []
        for epoch in range(len(history) + 1, until + 1):
            start = time.perf_counter()
            train_loss = train_epoch(self.model, optimiser, self.train, config, epoch=epoch, seed=self.experiment.seed)
            seconds = time.perf_counter() - start
            held_out = holdout_loss(self.model, self.holdout, config)
            history.append(
                {
                    "epoch": epoch,
                    "train_loss": train_loss,
                    "holdout_loss": None if np.isnan(held_out) else held_out,
                    "learning_rate": optimiser.param_groups[0]["lr"],
                    "steps": epoch * steps_per_epoch(len(self.train), config),
                    "seconds": round(seconds, 3),
                    "patches_per_second": round(len(self.train) / seconds, 1),
                    "sets": self._monitor(),
                }
            )
            self._save(epoch, history, optimiser)
            self.progress(epoch, config.epochs, _note(history[-1]))

    def _save(self, epoch: int, history: list[Record], optimiser: "Optimizer") -> None:
        from jobs.checkpoint import Checkpoint

        new = epoch > len(self.longest)
        if new:
            self.longest = history
        state = Checkpoint(
            epoch=epoch,
            model={name: value.cpu() for name, value in self.model.state_dict().items()},
            optimiser=optimiser.state_dict(),
            history=list(history),
            model_config=self.experiment.model.model_dump(mode="json"),
            data_config=self.experiment.data.model_dump(mode="json"),
            seed=self.experiment.seed,
            mean=self.scale.mean,
            std=self.scale.std,
        )
        if epoch in self.experiment.kept_epochs and not self.paths.checkpoint(epoch).exists():
            state.save(self.paths.checkpoint(epoch))
        if best_epoch(self.longest) == epoch:
            state.save(self.paths.best)
        if new:
            state.save(self.paths.last)
            self._write_history(history)

    def _write_history(self, history: list[Record]) -> None:
        write_text(self.paths.history, "".join(json.dumps(record) + "\n" for record in history))

    def _monitor(self) -> dict[str, dict[str, float]]:
        """Mean PSNR and SSIM of the model and of bicubic, per set."""
        from srcnn.inference import restore_luma

        scores: dict[str, list[dict[str, float]]] = {}
        for picture in self.monitor:
            restored = restore_luma(self.model, picture.interpolated, self.scale)
            scores.setdefault(picture.set_name, []).append({**picture.score(restored), **picture.bicubic})
        return {
            name: {key: float(np.mean([values[key] for values in each])) for key in each[0]}
            for name, each in scores.items()
        }


class _MonitoredPicture:
    """A picture of an evaluation set, degraded once, scored on luma after every epoch."""

    def __init__(self, set_name: str, picture: np.ndarray, experiment: Experiment) -> None:
        from srcnn.color import luma

        data = experiment.data
        hr = reference(picture, data)
        self.set_name, self.border = set_name, data.scale
        self.target = np.rint(luma(hr, data.luma))
        self.interpolated = interpolated_bands(hr, data)[..., 0]
        self.bicubic = {f"bicubic_{name}": value for name, value in self.score(self.interpolated).items()}

    def score(self, restored: np.ndarray) -> dict[str, float]:
        inner = (slice(self.border, -self.border),) * 2
        estimate = np.clip(np.rint(restored), 0, 255)
        values = score(self.target[inner], estimate[inner], ("psnr", "ssim"), data_range=255.0)
        return {name: float("nan") if value is None else value for name, value in values.items()}


def best_epoch(history: list[Record]) -> int:
    """Epoch of the lowest held-out loss, of the training loss where nothing is held out."""
    kind = "holdout_loss" if history[0]["holdout_loss"] is not None else "train_loss"
    return int(min(history, key=lambda record: record[kind])["epoch"])


def _note(record: Record) -> str:
    sets = [f"{name} {v['psnr']:.2f} dB (bicubic {v['bicubic_psnr']:.2f})" for name, v in record["sets"].items()]
    return ", ".join(sets) or f"loss {record['train_loss']:.3g}"
