"""The work of stage ``train``: the epochs of one run, whose states are kept as the study wants them."""

import logging
import math
import resource
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor
from torch.optim import Optimizer

from jobs.checkpoint import Checkpoint, first_readable, newest, set_aside_damaged
from jobs.device import task_device
from jobs.events import Events
from jobs.job import Progress, task_cores
from jobs.keeping import StateWriter, best_epoch, kept_as, write_history
from jobs.pictures import load_set
from jobs.train import Train
from srcnn.batches import Patches
from srcnn.dataset import read_planes
from srcnn.deprocess import Standardisation, standardisation
from srcnn.deterministic import deterministic
from srcnn.experiment import Experiment, ModelConfig
from srcnn.files import remove_orphans, write_bytes
from srcnn.history import Epoch, Precision
from srcnn.identity import data_id
from srcnn.losses.build import Loss
from srcnn.models.build import build_model
from srcnn.models.ensemble import as_restoring
from srcnn.models.network import Network
from srcnn.models.state import load_state
from srcnn.models.weights import Weights, WeightsError, read_weights
from srcnn.monitor import MonitoredPicture, mean_scores
from srcnn.paths import RunPaths
from srcnn.precision import possible, precision_for
from srcnn.schema import SIDES
from srcnn.steps import Steps, TrainingDiverged, loss_for
from srcnn.symptoms import symptom
from srcnn.training import holdout_loss, load_optimiser, new_optimiser, new_steps, steps_per_epoch, train_epoch

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Materials:
    """Everything that the epochs of a run need and leave as it is.

    ``initial`` are the network's weights before the first epoch. ``train`` and ``holdout`` are the patches on the
    device; None where nothing is to be trained, as is ``loss``. ``monitor`` are the pictures that are scored after
    every epoch.
    """

    experiment: Experiment
    model: Network
    initial: Mapping[str, Tensor]
    scale: Standardisation
    train: Patches | None
    holdout: Patches | None
    loss: Loss | None
    monitor: Sequence[MonitoredPicture]
    device: torch.device
    precision: Precision

    @classmethod
    def of(cls, stage: Train, history: Sequence[Epoch]) -> "Materials":
        """Read and build what a run needs; ``history`` holds its epochs so far.

        Raises WeightsError, FileNotFoundError, NoGpu, LossError.
        """
        experiment = stage.experiment
        device = task_device(experiment.training.device)
        config = experiment.model
        model = build_model(
            config.name,
            residual=config.residual,
            seed=experiment.seed,
            init=config.init,
            settings=config.settings,
            scale=experiment.data.scale,
        )
        weights = _given_weights(config, stage.weights)
        if weights:
            load_state(model, weights.state)
        initial = {name: value.clone() for name, value in model.state_dict().items()}
        # Twice as fast on a CPU for these layers, same arithmetic.
        model.to(device).to(memory_format=torch.channels_last)
        scale, train, holdout = _patches(stage, weights.scale if weights else None, device)
        monitor = [
            MonitoredPicture(name, picture.read(), experiment.data, picture.grey)
            for name, set_id in stage.monitor_sets.items()
            for picture in load_set(stage.root, set_id).pictures[: experiment.training.monitor_pictures]
        ]
        loss = loss_for(experiment.training, model, train) if train else None
        precision = _precision(experiment, device, history)
        return cls(experiment, model, initial, scale, train, holdout, loss, monitor, device, precision)


def _given_weights(config: ModelConfig, content: str | None) -> Weights | None:
    """Return the weights that the study names to start from; None if it names none.

    ``content`` is the SHA-256 that their file must have. Raises WeightsError.
    """
    if not config.weights:
        return None
    weights = read_weights(Path(config.weights), config.stated_scale)
    if weights.content != content:
        raise WeightsError(
            f"{config.weights}: has changed since the study was submitted, and would give another run; put the file "
            "back as it was, or submit the study again to train from it as it is"
        )
    if weights.assumed:
        _log.warning(weights.assumed)
    return weights


def _patches(
    stage: Train, scale: Standardisation | None, device: torch.device
) -> tuple[Standardisation, Patches | None, Patches | None]:
    """Return the scale of luma, the patches to train on and the held-out ones; ``scale`` is that of given weights."""
    if scale and not stage.experiment.training.epochs:
        return scale, None, None
    data = stage.experiment.data
    file = stage.root.patches(data_id(data, stage.train_set, stage.input_scale))
    if not file.exists():
        raise FileNotFoundError(f"{file}: no training patches; the prepare stage makes them")
    planes = read_planes(file)
    scale = scale or standardisation(stage.experiment.training.standardise, planes.mean, planes.std)
    train, holdout = (Patches.cut_from(planes, side, scale, device) for side in SIDES)
    return scale, train, holdout


@dataclass
class Training:
    """A training between two epochs: the network's weights, its optimiser, the record of every epoch so far.

    ``steps`` maps the numbers that products are taken in to what takes the optimiser steps of coming epochs.
    """

    model: Network
    optimiser: Optimizer
    history: list[Epoch]
    steps: dict[Precision, Steps] = field(default_factory=dict)

    @classmethod
    def begin(cls, materials: Materials, state: Checkpoint | None) -> "Training":
        """Return the training as it was in a state, or before its first epoch."""
        optimiser = new_optimiser(materials.model, materials.experiment.training)
        materials.model.load_state_dict(materials.initial)
        if state:
            load_state(materials.model, state.model)
            load_optimiser(optimiser, state.optimiser)
        return cls(materials.model, optimiser, list(state.history) if state else [])

    def content(self, materials: Materials) -> bytes:
        """Return the state as a checkpoint file's content."""
        experiment = materials.experiment
        return Checkpoint(
            epoch=len(self.history),
            model={name: value.cpu() for name, value in self.model.state_dict().items()},
            optimiser=self.optimiser.state_dict(),
            history=list(self.history),
            model_config=experiment.model.model_dump(mode="json"),
            data_config=experiment.data.model_dump(mode="json"),
            seed=experiment.seed,
            mean=materials.scale.mean,
            std=materials.scale.std,
        ).to_bytes()


def train(stage: Train, progress: Progress) -> None:
    """Train a run from its newest state on to the end, then train lost states of earlier epochs again."""
    paths, experiment = stage.paths, stage.experiment
    torch.set_num_threads(task_cores())
    with deterministic(experiment.training.deterministic), ExitStack() as stack:
        state = _newest_state(paths, experiment)
        history = list(state.history) if state else []
        materials = Materials.of(stage, history)
        writer = StateWriter(paths, experiment.keep)
        events = Events(paths.events, history, paths.study) if experiment.training.tensorboard else None
        if events:
            stack.callback(events.close)
        _train_until(experiment.training.epochs, state, history, materials, writer, progress, events)
        for epoch in _lost_epochs(paths, experiment, history):
            earlier = (paths.checkpoint(e) for e in reversed(experiment.kept_epochs) if e < epoch)
            _train_until(epoch, first_readable(earlier), history, materials, writer, progress, None)
        write_history(paths, history)


def _train_until(
    until: int,
    state: Checkpoint | None,
    history: list[Epoch],
    materials: Materials,
    writer: StateWriter,
    progress: Progress,
    events: Events | None,
) -> None:
    """Train from a state until an epoch; ``history``, of the longest training so far, grows with this one."""
    training = Training.begin(materials, state)
    experiment = materials.experiment

    def keep() -> None:
        epoch = len(training.history)
        wanted = {e for e in experiment.kept_epochs if not writer.paths.checkpoint(e).exists()}
        kept = kept_as(epoch, history, wanted=wanted, best=experiment.keep.best)
        writer.keep_state(epoch, kept, lambda: training.content(materials), training.history)

    if until == 0:  # given weights are used as they are
        keep()
    if len(training.history) < until:
        progress(len(training.history), until, "")
    for epoch in range(len(training.history) + 1, until + 1):
        before = history[epoch - 1] if epoch <= len(history) else None
        try:
            record = _train_epoch(training, materials, before)
        except TrainingDiverged as error:
            writer.flush()
            kept = f"the state of epoch {epoch - 1} is in {writer.paths.last}" if epoch > 1 else "no epoch was finished"
            raise TrainingDiverged(f"{error} ({kept})") from error
        training.history.append(record)
        if before is None:
            history.append(record)
            if events:
                events.add(record)
        keep()
        if writer.is_due():
            writer.flush()
        progress(epoch, until, progress_note(record))
    writer.flush()


def _train_epoch(training: Training, materials: Materials, before: Epoch | None) -> Epoch:
    """Train the next epoch; return its record. ``before`` is its record from before its state was lost, if it was."""
    assert materials.train is not None  # there are patches where there are epochs
    assert materials.holdout is not None
    config, model, patches = materials.experiment.training, training.model, materials.train
    epoch = len(training.history) + 1
    # A lost epoch is trained again in the numbers that it was trained in, so that it gives the same bits.
    precision = possible(before["precision"], materials.device) if before else materials.precision
    if precision not in training.steps:
        spec = materials.experiment.model.spec
        part = spec.cpu_part if spec else None
        training.steps[precision] = new_steps(
            model, training.optimiser, patches, config, precision, part, materials.loss
        )
    start, cpu_start = time.perf_counter(), time.process_time()
    train_loss = train_epoch(
        model,
        training.optimiser,
        patches,
        config,
        epoch=epoch,
        seed=materials.experiment.seed,
        precision=precision,
        steps=training.steps[precision],
    )
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    held_out = holdout_loss(model, materials.holdout, config, materials.loss)
    record: Epoch = {
        "epoch": epoch,
        "train_loss": train_loss,
        "holdout_loss": None if math.isnan(held_out) else held_out,
        "learning_rate": training.optimiser.param_groups[0]["lr"],
        "precision": precision,
        "steps": epoch * steps_per_epoch(len(patches), config),
        "seconds": round(seconds, 3),
        "cpu_seconds": round(cpu_seconds, 3),
        "patches_per_second": round(len(patches) / seconds, 1),
        "peak_memory_mb": peak_memory_mb(materials.device),
        "sets": mean_scores(
            as_restoring(model, self_ensemble=materials.experiment.model.self_ensemble),
            materials.monitor,
            materials.scale,
        ),
    }
    warning = symptom(model, patches)
    if warning:
        _log.warning("epoch %d: %s", epoch, warning)
        record["warning"] = warning
    return record


def _newest_state(paths: RunPaths, experiment: Experiment) -> Checkpoint | None:
    """Return the state to go on from, if there is one; move damaged files aside, so that they are made again."""
    remove_orphans(paths.checkpoints)
    for file in (paths.best, *map(paths.checkpoint, experiment.kept_epochs)):
        set_aside_damaged(file)
    state = newest(paths, experiment.kept_epochs)
    if state:
        epochs = experiment.training.epochs
        _log.info("going on from epoch %d of %d", state.epoch, epochs)
        if not paths.last.exists() or state.epoch == epochs:  # no later state may ever be written
            write_bytes(paths.last, state.to_bytes(), durable=True)
    return state


def _precision(experiment: Experiment, device: torch.device, history: Sequence[Epoch]) -> Precision:
    """Return the numbers that coming epochs take products in; warn if earlier epochs had others."""
    config, spec = experiment.training, experiment.model.spec
    precision = precision_for(spec is not None and spec.learns_in_bfloat16, device, config.precision, history)
    begun = history[-1]["precision"] if history else precision
    if begun != precision and len(history) < config.epochs:
        _log.warning("begun in %s, goes on in %s here, as history.jsonl will say", begun, precision)
    return precision


def _lost_epochs(paths: RunPaths, experiment: Experiment, history: Sequence[Epoch]) -> list[int]:
    """Return the epochs to train again, because the file of their state is gone."""
    lost = {epoch for epoch in experiment.kept_epochs if not paths.checkpoint(epoch).exists()}
    if history and experiment.keep.best and not paths.best.exists():
        lost.add(best_epoch(history))
    return sorted(lost)


def peak_memory_mb(device: torch.device) -> float:
    """Return the most memory, in MB, that training took so far: on the GPU that it uses, else of the process."""
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated() / 2**20, 1)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10, 1)


def progress_note(record: Epoch) -> str:
    """Return an epoch in one line."""
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
