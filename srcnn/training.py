"""One epoch of training, the held-out loss, the learning rate; tensors in, numbers out.

Every random choice of an epoch comes from (seed, epoch) alone, so that training resumed at an
epoch's start continues exactly as if it had never stopped.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from srcnn.deprocess import Standardisation
from srcnn.experiment import TrainingConfig
from srcnn.losses import LOSSES

if TYPE_CHECKING:
    from srcnn.models.srcnn import SRCNN


class TrainingDiverged(RuntimeError):
    """The loss is no finite number any more."""


@dataclass(frozen=True)
class Tensors:
    """Patches on the training device, (N, 1, P, P), in the type they were stored in."""

    inputs: Tensor
    targets: Tensor
    standardisation: Standardisation

    @classmethod
    def of(
        cls,
        inputs: np.ndarray,
        targets: np.ndarray,
        standardisation: Standardisation,
        device: torch.device,
    ) -> "Tensors":
        """Copy arrays (N, P, P) in 0..255 to the device."""
        on_device = [torch.from_numpy(array)[:, None].to(device) for array in (inputs, targets)]
        return cls(on_device[0], on_device[1], standardisation)

    def __len__(self) -> int:
        return len(self.inputs)

    def batch(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs and targets at these positions, float32 on the network's scale."""
        scale, shift = 255.0 * self.standardisation.std, self.standardisation.mean / self.standardisation.std
        return self.inputs[index].float() / scale - shift, self.targets[index].float() / scale - shift


def learning_rate(step: int, steps: int, config: TrainingConfig) -> float:
    """Rate of optimiser step ``step`` of ``steps``: linear warm-up, then a cosine to ``final_rate``."""
    warmup = min(config.warmup_steps, steps // 2)
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    cosine = 0.5 * (1.0 + math.cos(math.pi * progress))
    return config.learning_rate * (config.final_rate + (1.0 - config.final_rate) * cosine)


def steps_per_epoch(patches: int, config: TrainingConfig) -> int:
    """Optimiser steps of one epoch; the last batch may be short."""
    return math.ceil(patches / config.batch_size)


def train_epoch(
    model: "SRCNN", optimiser: torch.optim.Optimizer, patches: Tensors, config: TrainingConfig, *, epoch: int, seed: int
) -> float:
    """Mean training loss of epoch ``epoch`` (from 1); the model and optimiser are changed in place.

    Raises TrainingDiverged when the loss is not finite.
    """
    model.train()
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    order = torch.randperm(len(patches), generator=generator).to(patches.inputs.device)
    per_epoch = steps_per_epoch(len(patches), config)
    flips = torch.randint(8, (per_epoch,), generator=generator).tolist()
    loss_of = LOSSES[config.loss]
    total = torch.zeros((), device=patches.inputs.device)
    for number, index in enumerate(order.split(config.batch_size)):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate((epoch - 1) * per_epoch + number, config.epochs * per_epoch, config)
        inputs, targets = patches.batch(index)
        if config.augment:
            inputs, targets = augmented(inputs, flips[number]), augmented(targets, flips[number])
        loss = loss_of(model(inputs), inner(targets, model.border))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        total += loss.detach() * len(index)
    mean = float(total) / len(patches)
    if not math.isfinite(mean):
        raise TrainingDiverged(f"the training loss is {mean} in epoch {epoch}; lower training.learning_rate")
    return mean


def holdout_loss(model: "SRCNN", patches: Tensors, config: TrainingConfig) -> float:
    """Mean loss over patches that training never sees; nan if there are none."""
    model.eval()
    total = 0.0
    with torch.inference_mode():
        for index in torch.arange(len(patches), device=patches.inputs.device).split(256):
            inputs, targets = patches.batch(index)
            total += float(LOSSES[config.loss](model(inputs), inner(targets, model.border))) * len(index)
    return total / len(patches) if len(patches) else math.nan


def augmented(images: Tensor, flip: int) -> Tensor:
    """One of the eight flips and transposes of a square, of a batch (N, 1, P, P)."""
    if flip & 1:
        images = images.flip(-1)
    if flip & 2:
        images = images.flip(-2)
    return images.transpose(-1, -2) if flip & 4 else images


def inner(images: Tensor, border: int) -> Tensor:
    """The pixels that valid convolutions can predict."""
    return images[..., border : images.shape[-2] - border, border : images.shape[-1] - border]
