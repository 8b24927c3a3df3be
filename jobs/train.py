"""Stage ``train``: one network, from patches to checkpoints and a history."""

import json
import logging
import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from jobs.device import task_device
from jobs.job import Job, Lost, Progress, silent, task_cores
from jobs.pictures import load_set
from jobs.planned import PlannedRun
from jobs.sizes import checkpoint_bytes
from srcnn.experiment import Experiment
from srcnn.files import remove_orphans, write_bytes, write_text
from srcnn.identity import data_id
from srcnn.outputs import Output
from srcnn.paths import RootPaths, RunPaths

if TYPE_CHECKING:
    import torch
    from torch.optim import Optimizer

    from jobs.checkpoint import Checkpoint
    from srcnn.batches import Tensors
    from srcnn.deprocess import Standardisation
    from srcnn.precision import Precision
    from srcnn.steps import Steps

_log = logging.getLogger(__name__)
Record = dict[str, Any]

# What differs between two executions of one training; everything else in a record is the same.
TIMINGS = ("seconds", "cpu_seconds", "patches_per_second", "peak_memory_mb")


@dataclass(frozen=True)
class Train(Job):
    """Train one run. ``monitor_sets`` maps a set's name to its id: scored after every epoch.

    ``weights`` is the SHA-256 of the file that training starts from, as it was when the run got its id.
    """

    root: RootPaths
    paths: RunPaths
    experiment: Experiment
    train_set: str
    monitor_sets: dict[str, str]
    weights: str | None = None

    @classmethod
    def of(cls, run: PlannedRun) -> Iterator[tuple[str, Self]]:
        """The training of a run; the sets for watching are its ``eval`` ones, or all where there is none."""
        watched = [each for each in run.sets if each.group == "eval"] or run.sets
        sets = {each.name: each.set_id for each in watched}
        yield run.run_id, cls(run.study.root, run.paths, run.experiment, run.train_set, sets, run.weights)

    def checkpoints(self) -> list[Path]:
        """The files of the states that are there at the end."""
        kept = [self.paths.checkpoint(epoch) for epoch in self.experiment.kept_epochs]
        return [*kept, self.paths.last, *([self.paths.best] if self.experiment.keep.best else [])]

    def outputs(self) -> tuple[Output, ...]:
        """Every kept checkpoint, the last state, the best one if it is kept, the complete history."""
        kept = Output("file", self.paths.each_checkpoint, tuple(self.experiment.kept_epochs))
        states = [Output("file", self.paths.last)]
        if self.experiment.keep.best:
            states.append(Output("file", self.paths.best))
        if self.experiment.training.epochs:
            states.append(Output("history", self.paths.history, (self.experiment.training.epochs,)))
        return kept, *states

    def bytes_to_write(self) -> tuple[str, int]:
        """The checkpoints that are not there, and the states that are kept beside them."""
        return "checkpoints", checkpoint_bytes(self.experiment, self.missing_epochs(), len(self.monitor_sets))

    def lost(self, needed: Lost) -> Lost:
        """The kept epochs without a checkpoint."""
        return dict.fromkeys(self.missing_epochs())

    def missing_epochs(self) -> list[int]:
        """Kept epochs without a checkpoint."""
        return [epoch for epoch in self.experiment.kept_epochs if not self.paths.checkpoint(epoch).exists()]

    def __call__(self, progress: Progress = silent) -> None:
        """Train from the last checkpoint on, and remake any that were lost."""
        from srcnn.deterministic import deterministic

        if not self.is_done():
            with deterministic(self.experiment.training.deterministic):
                _Trainer(self, progress).run()


class _Trainer:
    """The objects that live while a run is trained."""

    def __init__(self, stage: Train, progress: Progress) -> None:
        import torch

        from srcnn.models import build_model
        from srcnn.monitor import MonitoredPicture

        self.stage, self.progress = stage, progress
        self.paths, self.experiment = stage.paths, stage.experiment
        self.device = task_device(self.experiment.training.device)
        torch.set_num_threads(task_cores())
        config = self.experiment.model
        self.model = build_model(config.name, residual=config.residual, seed=self.experiment.seed, init=config.init)
        self.scale, self.train, self.holdout = self._data()
        self.initial = {name: value.clone() for name, value in self.model.state_dict().items()}
        # Twice as fast on a CPU for these layers, same arithmetic.
        self.model.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.monitor = [
            MonitoredPicture(name, picture.read(), self.experiment.data, picture.grey)
            for name, set_id in stage.monitor_sets.items()
            for picture in load_set(stage.root, set_id).pictures[: self.experiment.training.monitor_pictures]
        ]

    def _data(self) -> "tuple[Standardisation, Tensors | None, Tensors | None]":
        """The scale of luma, and the patches on the device; none where nothing is to be trained."""
        from srcnn.batches import Tensors
        from srcnn.dataset import read_patches
        from srcnn.deprocess import standardisation
        from srcnn.models.published import WeightsError, read_weights
        from srcnn.models.state import load_state

        scale = None
        if self.experiment.model.weights:
            weights = read_weights(Path(self.experiment.model.weights), self.experiment.model.stated_scale)
            if weights.content != self.stage.weights:
                raise WeightsError(
                    f"{self.experiment.model.weights}: has changed since the study was submitted, and would give "
                    "another run; put the file back as it was, or submit the study again to train from it as it is"
                )
            if weights.assumed:
                _log.warning(weights.assumed)
            load_state(self.model, weights.state)
            scale = weights.scale
        if scale and not self.experiment.training.epochs:
            return scale, None, None
        file = self.stage.root.patches(data_id(self.experiment.data, self.stage.train_set))
        if not file.exists():
            raise FileNotFoundError(f"{file}: no training patches; the prepare stage makes them")
        patches = read_patches(file)
        scale = scale or standardisation(self.experiment.training.standardise, patches.mean, patches.std)
        return (
            scale,
            Tensors.of(patches.train_input, patches.train_target, scale, self.device),
            Tensors.of(patches.holdout_input, patches.holdout_target, scale, self.device),
        )

    def run(self) -> None:
        """Train on to the end, then remake checkpoints of earlier epochs that were lost."""
        from jobs.checkpoint import newest, set_aside_damaged
        from srcnn.precision import precision_for, precision_of

        remove_orphans(self.paths.checkpoints)
        for file in (self.paths.best, *map(self.paths.checkpoint, self.experiment.kept_epochs)):
            set_aside_damaged(file)
        epochs = self.experiment.training.epochs
        state = newest(self.paths, self.experiment.kept_epochs)
        if state:
            _log.info("going on from epoch %d of %d", state.epoch, epochs)
            if not self.paths.last.exists() or state.epoch == epochs:  # nothing later may come to be written
                write_bytes(self.paths.last, state.to_bytes(), durable=True)
        self.longest: list[Record] = state.history if state else []
        self.precision = precision_for(self.model, self.device, self.experiment.training.precision, self.longest)
        begun = precision_of(self.longest[-1]) if self.longest else self.precision
        if begun != self.precision and len(self.longest) < epochs:
            _log.warning("begun in %s, goes on in %s here, as history.jsonl will say", begun, self.precision)
        self._train(state, epochs)
        for epoch in self._lost():
            self._train(self._before(epoch), epoch)
        self._write_history(self.longest)

    def _lost(self) -> list[int]:
        lost = {e for e in self.experiment.kept_epochs if not self.paths.checkpoint(e).exists()}
        remake_best = self.longest and self.experiment.keep.best and not self.paths.best.exists()
        return sorted(lost | {best_epoch(self.longest)} if remake_best else lost)

    def _before(self, epoch: int) -> "Checkpoint | None":
        from jobs.checkpoint import first_readable

        earlier = [e for e in self.experiment.kept_epochs if e < epoch]
        return first_readable(self.paths.checkpoint(e) for e in reversed(earlier))

    def _train(self, state: "Checkpoint | None", until: int) -> None:
        from srcnn.models.state import load_state
        from srcnn.steps import TrainingDiverged
        from srcnn.training import load_optimiser, new_optimiser

        config = self.experiment.training
        optimiser = new_optimiser(self.model, config)
        self.steps: dict[Precision, Steps] = {}
        self.model.load_state_dict(self.initial)
        if state:
            load_state(self.model, state.model)
            load_optimiser(optimiser, state.optimiser)
        history: list[Record] = list(state.history) if state else []
        saver = _Saver(self, optimiser)
        events = self._events(history) if config.tensorboard else None
        if until == 0:
            saver.save(0, [])
        if len(history) < until:
            self.progress(len(history), until, "")
        for epoch in range(len(history) + 1, until + 1):
            try:
                record = self._epoch(epoch, optimiser)
            except TrainingDiverged as error:
                kept = (
                    f"the state of epoch {epoch - 1} is in {self.paths.last}" if epoch > 1 else "no epoch was finished"
                )
                saver.flush()
                raise TrainingDiverged(f"{error} ({kept})") from error
            history.append(record)
            if events:
                events.add(record)
            saver.save(epoch, history, last=epoch == until)
            self.progress(epoch, until, progress_note(record))
        if events:
            events.close()

    def _epoch(self, epoch: int, optimiser: "Optimizer") -> Record:
        """Train one epoch; what it gave."""
        from srcnn.monitor import mean_scores
        from srcnn.precision import possible, precision_of
        from srcnn.symptoms import symptom
        from srcnn.training import holdout_loss, new_steps, steps_per_epoch, train_epoch

        assert self.train is not None  # _data gives both where epochs > 0
        assert self.holdout is not None
        config = self.experiment.training
        again = self.longest[epoch - 1 : epoch]  # an epoch whose state was lost is made again as it was made
        precision = possible(precision_of(again[0]), self.device) if again else self.precision
        if precision not in self.steps:
            self.steps[precision] = new_steps(self.model, optimiser, self.train, config, precision)
        start, cpu = time.perf_counter(), time.process_time()
        train_loss = train_epoch(
            self.model,
            optimiser,
            self.train,
            config,
            epoch=epoch,
            seed=self.experiment.seed,
            precision=precision,
            steps=self.steps[precision],
        )
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        held_out = holdout_loss(self.model, self.holdout, config)
        record = {
            "epoch": epoch,
            "train_loss": train_loss,
            "holdout_loss": None if math.isnan(held_out) else held_out,
            "learning_rate": optimiser.param_groups[0]["lr"],
            "precision": precision,
            "steps": epoch * steps_per_epoch(len(self.train), config),
            "seconds": round(seconds, 3),
            "cpu_seconds": round(cpu, 3),
            "patches_per_second": round(len(self.train) / seconds, 1),
            "peak_memory_mb": peak_memory_mb(self.device),
            "sets": mean_scores(self.model, self.monitor, self.scale),
        }
        warning = symptom(self.model, self.train)
        if warning:
            _log.warning("epoch %d: %s", epoch, warning)
            record["warning"] = warning
        return record

    def _events(self, history: Iterable[Record]) -> Any:
        from jobs.events import Events

        return Events(self.paths.events, history, self.paths.study)

    def _write_history(self, history: list[Record]) -> None:
        write_text(self.paths.history, "".join(json.dumps(record) + "\n" for record in history))

    def checkpoint(self, epoch: int, history: list[Record], optimiser: "Optimizer") -> bytes:
        """The state now, as a file's content."""
        from jobs.checkpoint import Checkpoint

        return Checkpoint(
            epoch=epoch,
            model={name: value.cpu() for name, value in self.model.state_dict().items()},
            optimiser=optimiser.state_dict(),
            history=list(history),
            model_config=self.experiment.model.model_dump(mode="json"),
            data_config=self.experiment.data.model_dump(mode="json"),
            seed=self.experiment.seed,
            mean=self.scale.mean,
            std=self.scale.std,
        ).to_bytes()


class _Saver:
    """Writes states as the study wants them kept.

    What lies on disk is always a training that stopped at some epoch: ``best`` is written before
    the ``last`` that knows of it, and training goes on from the most advanced of all.
    """

    def __init__(self, trainer: _Trainer, optimiser: "Optimizer") -> None:
        self.trainer, self.optimiser = trainer, optimiser
        self.paths, self.experiment = trainer.paths, trainer.experiment
        self.best: bytes | None = None
        self.last: tuple[bytes, list[Record]] | None = None
        self.saved = time.monotonic()

    def save(self, epoch: int, history: list[Record], *, last: bool = True) -> None:
        """Keep the state of an epoch where it is wanted; ``last`` leaves nothing unwritten."""
        trainer, keep = self.trainer, self.experiment.keep
        new = epoch > len(trainer.longest) or epoch == 0
        if new:
            trainer.longest = list(history)
        kept = epoch in self.experiment.kept_epochs and not self.paths.checkpoint(epoch).exists()
        best = keep.best and (not history or best_epoch(trainer.longest) == epoch)
        due = last or time.monotonic() - self.saved >= keep.every_s
        if kept or best or new:
            content = trainer.checkpoint(epoch, history, self.optimiser)
            if kept:
                write_bytes(self.paths.checkpoint(epoch), content, durable=True)
            if best:
                self.best = content
            if new:
                self.last = content, list(history)
        if due:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        from jobs.checkpoint import save_last

        if self.best is not None:
            write_bytes(self.paths.best, self.best, durable=True)
        if self.last is not None:
            save_last(self.paths, self.last[0], self.experiment.keep.last)
            self.trainer._write_history(self.last[1])
        self.best = self.last = None
        self.saved = time.monotonic()


def best_epoch(history: list[Record]) -> int:
    """Epoch of the lowest held-out loss, of the training loss where nothing is held out."""
    kind = "holdout_loss" if history[0]["holdout_loss"] is not None else "train_loss"
    return int(min(history, key=lambda record: record[kind])["epoch"])


def peak_memory_mb(device: "torch.device") -> float:
    """The most memory that training took so far: on the GPU that it uses, else of the process."""
    import resource

    import torch

    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated() / 2**20, 1)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10, 1)


def progress_note(record: Record) -> str:
    """An epoch in one line."""
    parts = [f"loss {record['train_loss']:.3g}", f"rate {record['learning_rate']:.2g}"]
    numbers = f" in {record['precision']}" if record["precision"] != "float32" else ""
    parts += [f"{record['patches_per_second']:.0f} patches/s{numbers}"]
    for name, values in record["sets"].items():
        parts.append(
            f"{name} {values['psnr']:.2f} dB {values['ssim']:.4f} "
            f"(bicubic {values['bicubic_psnr']:.2f} {values['bicubic_ssim']:.4f})"
        )
    parts.append(f"peak {record['peak_memory_mb']:.0f} MB")
    if "warning" in record:
        parts.append(f"WARNING: {record['warning']}")
    return ", ".join(parts)
