"""Optimiser steps: what each batch of an epoch does to the weights."""

import math

import torch
from torch import Tensor

from srcnn.batches import Course, Patches
from srcnn.experiment import TrainingConfig
from srcnn.history import Precision
from srcnn.losses.build import Loss, build_loss
from srcnn.losses.pairs import Pairs
from srcnn.models.network import Network

LOOK_EVERY = 256  # batches between two looks at the loss, which on a GPU wait for it


class TrainingDiverged(RuntimeError):
    """The error of a loss or a weight that is not finite any more."""


class Steps:
    """The steps of one training, one after another as Python asks for them, on any device and with any network.

    ``part``: patches that a CPU takes through the network together; None: the whole batch. ``loss`` is that of the
    configuration, where it is built already.
    """

    def __init__(
        self,
        model: Network,
        optimiser: torch.optim.Optimizer,
        patches: Patches,
        config: TrainingConfig,
        precision: Precision,
        part: int | None = None,
        loss: Loss | None = None,
    ) -> None:
        self.model, self.optimiser, self.patches, self.config = model, optimiser, patches, config
        self.precision = precision
        self.device = patches.device
        self.loss_of = loss or loss_for(config, model, patches)
        self.part = (part if self.device.type == "cpu" else None) or config.batch_size
        self.total = torch.zeros((), device=self.device)

    def run(self, course: Course, epoch: int) -> float:
        """Take an epoch's steps, which change the model and the optimiser, and return the sum of its patches' losses.

        Raises TrainingDiverged when they are not finite.
        """
        self.total.zero_()
        for number, index in enumerate(course.order.split(self.config.batch_size)):
            rate = course.rates[number]
            self._set_rates([rate * factor for factor in self._factors()])
            self._step(*self.patches.batch(index, None if course.flips is None else course.flips[number]))
            if number % LOOK_EVERY == LOOK_EVERY - 1:
                require_finite(float(self.total), "loss", epoch, rate)
        return float(self.total)

    def _step(self, inputs: Tensor, targets: Tensor) -> None:
        """Change the weights by one batch, and add its loss to the total."""
        self.optimiser.zero_grad(set_to_none=True)
        # Losses are means, so the gradient of a batch is the weighted sum of those of its parts.
        for some, wanted in zip(inputs.split(self.part), targets.split(self.part), strict=True):
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
                restored = self.model(some)
            loss = self.loss_of(restored.float(), inner(wanted, self.model.border))
            (loss * (len(some) / len(inputs)) if len(some) < len(inputs) else loss).backward()
            self.total += loss.detach() * len(some)
        self.optimiser.step()

    def _factors(self) -> list[float]:
        return [group.get("factor", 1.0) for group in self.optimiser.param_groups]

    def _set_rates(self, rates: "list[float] | list[Tensor]") -> None:
        for group, rate in zip(self.optimiser.param_groups, rates, strict=True):
            group["lr"] = rate


def loss_for(config: TrainingConfig, model: Network, patches: Patches) -> Loss:
    """Return the loss of a training, built from its patches as the network is compared on them."""
    return build_loss(config.loss.name, config.loss.settings, Pairs(patches, model.border))


def require_finite(value: float, what: str, epoch: int, rate: float) -> None:
    """Raise TrainingDiverged for a number that is not finite."""
    if not math.isfinite(value):
        verb = "are" if what == "weights" else "is"
        raise TrainingDiverged(
            f"training diverged: the {what} {verb} {value} in epoch {epoch} at learning rate {rate:.3g}; "
            "lower training.learning_rate, or lengthen training.warmup_steps"
        )


def inner(images: Tensor, border: int) -> Tensor:
    """Return a view of images (N, 1, H, W) without ``border`` pixels at each side: what valid convolutions predict."""
    return images[..., border : images.shape[-2] - border, border : images.shape[-1] - border]
