"""One epoch of training, the held-out loss, the learning rate; tensors in, numbers out.

Every random choice of an epoch comes from (seed, epoch) alone, so that training resumed at an
epoch's start continues exactly as if it had never stopped.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from srcnn.deprocess import Standardisation
from srcnn.experiment import TrainingConfig
from srcnn.losses import LOSSES
from srcnn.precision import Precision
from srcnn.schedules import SCHEDULES

if TYPE_CHECKING:
    from srcnn.models.srcnn import SRCNN

MOMENTUM = 0.9  # of sgd: the paper's, section 4.1
LOOK_EVERY = 256  # batches between two looks at the loss, which on a GPU wait for it


class TrainingDiverged(RuntimeError):
    """The loss or a weight is no finite number any more."""


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


def new_optimiser(model: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """The optimiser of a new training; its last group is the last layer, with a rate of its own."""
    owners = [module for module in model.modules() if any(True for _ in module.parameters(recurse=False))]
    last = {id(parameter) for parameter in owners[-1].parameters(recurse=False)} if owners else set()
    groups: list[dict[str, Any]] = [
        {"params": [p for p in model.parameters() if id(p) not in last], "factor": 1.0},
        {"params": [p for p in model.parameters() if id(p) in last], "factor": config.last_layer_rate},
    ]
    groups = [group for group in groups if group["params"]]
    if config.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=config.learning_rate, momentum=MOMENTUM)
    # One kernel for all weights: a third of the time of a loop over eight small tensors.
    return torch.optim.Adam(groups, lr=config.learning_rate, fused=True)


def learning_rate(step: int, steps: int, config: TrainingConfig) -> float:
    """Rate of optimiser step ``step`` of ``steps``: linear warm-up, then the schedule to ``final_rate``."""
    warmup = min(config.warmup_steps, steps // 2)
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return config.learning_rate * SCHEDULES[config.schedule](progress, config.final_rate)


def steps_per_epoch(patches: int, config: TrainingConfig) -> int:
    """Optimiser steps of one epoch; the last batch may be short."""
    return math.ceil(patches / config.batch_size)


def train_epoch(
    model: "SRCNN",
    optimiser: torch.optim.Optimizer,
    patches: Tensors,
    config: TrainingConfig,
    *,
    epoch: int,
    seed: int,
    precision: Precision = "float32",
) -> float:
    """Mean training loss of epoch ``epoch`` (from 1); the model and optimiser are changed in place.

    With ``precision`` bfloat16 the network's products are taken in it; weights, updates and loss stay float32.

    Raises TrainingDiverged when the loss or a weight is not finite.
    """
    model.train()
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    device = patches.inputs.device
    order = torch.randperm(len(patches), generator=generator).to(device)
    per_epoch = steps_per_epoch(len(patches), config)
    flips = torch.randint(8, (per_epoch,), generator=generator).tolist()
    loss_of = LOSSES[config.loss]
    total = torch.zeros((), device=device)
    part = _part(model, device) or config.batch_size
    for number, index in enumerate(order.split(config.batch_size)):
        rate = learning_rate((epoch - 1) * per_epoch + number, config.epochs * per_epoch, config)
        for group in optimiser.param_groups:
            group["lr"] = rate * group.get("factor", 1.0)
        inputs, targets = patches.batch(index)
        if config.augment:
            inputs, targets = augmented(inputs, flips[number]), augmented(targets, flips[number])
        optimiser.zero_grad(set_to_none=True)
        # Losses are means, so the gradient of a batch is the weighted sum of those of its parts.
        for some, wanted in zip(inputs.split(part), targets.split(part), strict=True):
            with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
                restored = model(some)
            loss = loss_of(restored.float(), inner(wanted, model.border))
            (loss * (len(some) / len(index))).backward()
            total += loss.detach() * len(some)
        optimiser.step()
        if number % LOOK_EVERY == LOOK_EVERY - 1:
            _require_finite(float(total), "loss", epoch, rate)
    mean = float(total) / len(patches)
    _require_finite(mean, "loss", epoch, rate)
    # The last step may have spoilt weights whose loss nobody has seen.
    _require_finite(sum(float(p.detach().abs().sum()) for p in model.parameters()), "weights", epoch, rate)
    return mean


def _part(model: nn.Module, device: torch.device) -> int | None:
    """Patches that go through the network together; None: the whole batch, as a GPU or a user's network wants it."""
    return getattr(model, "cpu_part", None) if device.type == "cpu" else None


def _require_finite(value: float, what: str, epoch: int, rate: float) -> None:
    if not math.isfinite(value):
        verb = "are" if what == "weights" else "is"
        raise TrainingDiverged(
            f"training diverged: the {what} {verb} {value} in epoch {epoch} at learning rate {rate:.3g}; "
            "lower training.learning_rate, or lengthen training.warmup_steps"
        )


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
