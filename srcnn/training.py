"""One epoch of training, the held-out loss, the learning rate; tensors in, numbers out."""

import math
from typing import Any

import torch

from srcnn.batches import Course, Patches
from srcnn.captured import CapturedSteps
from srcnn.experiment import TrainingConfig
from srcnn.history import Precision
from srcnn.losses.build import Loss
from srcnn.models.network import Network
from srcnn.muon import Muon
from srcnn.precision import products_in
from srcnn.schedules import SCHEDULES
from srcnn.steps import Steps, inner, loss_for, require_finite

MOMENTUM = 0.9  # of sgd: the paper's, section 4.1


def new_optimiser(model: Network, config: TrainingConfig) -> torch.optim.Optimizer:
    """Return the optimiser of a new training; its last group is the last layer, where that has a rate of its own."""
    owners = [module for module in model.modules() if any(True for _ in module.parameters(recurse=False))]
    apart = owners and config.last_layer_rate != 1.0  # a group takes kernels of its own
    last = {id(parameter) for parameter in owners[-1].parameters(recurse=False)} if apart else set()
    groups: list[dict[str, Any]] = [
        {"params": [p for p in model.parameters() if id(p) not in last], "factor": 1.0},
        {"params": [p for p in model.parameters() if id(p) in last], "factor": config.last_layer_rate},
    ]
    groups = [group for group in groups if group["params"]]
    if config.optimiser == "sgd":
        on_gpu = any(parameter.is_cuda for parameter in model.parameters())  # only this kernel reads a rate there
        return torch.optim.SGD(groups, lr=config.learning_rate, momentum=MOMENTUM, fused=on_gpu or None)
    if config.optimiser == "muon":
        return Muon(groups, lr=config.learning_rate)
    # One kernel for all weights: a third of the time of a loop over eight small tensors.
    return torch.optim.Adam(groups, lr=config.learning_rate, fused=True)


def load_optimiser(optimiser: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Give the optimiser a state, wherever that was saved; which kernels compute it stays as it is here."""
    kernels: list[dict[str, Any]] = [
        {key: group[key] for key in ("fused", "foreach") if key in group} for group in optimiser.param_groups
    ]
    optimiser.load_state_dict(state)
    for group, own in zip(optimiser.param_groups, kernels, strict=True):
        group.update(own)


def new_steps(
    model: Network,
    optimiser: torch.optim.Optimizer,
    patches: Patches,
    config: TrainingConfig,
    precision: Precision = "float32",
    part: int | None = None,
    loss: Loss | None = None,
) -> Steps:
    """Return what takes the steps of a training: on a GPU recorded ones, elsewhere one after another.

    ``part``: patches that a CPU takes through the network together; None: the whole batch. ``loss`` is that of the
    configuration, where it is built already.
    """
    kind = CapturedSteps if patches.device.type == "cuda" else Steps
    return kind(model, optimiser, patches, config, precision, part, loss)


def learning_rate(step: int, steps: int, config: TrainingConfig) -> float:
    """Return the rate of step ``step`` (from 0) of ``steps``: linear warm-up, then the schedule to ``final_rate``."""
    warmup = min(config.warmup_steps, steps // 2)
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return config.learning_rate * SCHEDULES[config.schedule](progress, config.final_rate)


def steps_per_epoch(patches: int, config: TrainingConfig) -> int:
    """Return the number of optimiser steps in one epoch; the last batch may be short."""
    return math.ceil(patches / config.batch_size)


def train_epoch(
    model: Network,
    optimiser: torch.optim.Optimizer,
    patches: Patches,
    config: TrainingConfig,
    *,
    epoch: int,
    seed: int,
    precision: Precision = "float32",
    steps: Steps | None = None,
) -> float:
    """Train for epoch ``epoch`` (from 1), which changes the model and the optimiser, and return its mean loss.

    The network's products are taken in ``precision``; weights, updates and loss stay float32. ``steps`` takes the
    steps, where more epochs of the same training are to come. All random choices follow from ``seed`` and ``epoch``.

    Raises TrainingDiverged when the loss or a weight is not finite.
    """
    model.train()
    per_epoch = steps_per_epoch(len(patches), config)
    first = (epoch - 1) * per_epoch
    rates = [learning_rate(step, config.epochs * per_epoch, config) for step in range(first, first + per_epoch)]
    course = Course.of(patches, rates, augment=config.augment, epoch=epoch, seed=seed)
    with products_in(precision):
        steps = steps or new_steps(model, optimiser, patches, config, precision)
        mean = steps.run(course, epoch) / len(patches)
    require_finite(mean, "loss", epoch, rates[-1])
    # The last step may have spoilt weights whose loss nobody has seen.
    weights = torch.stack([parameter.detach().abs().sum() for parameter in model.parameters()])
    require_finite(float(weights.sum()), "weights", epoch, rates[-1])
    return mean


def holdout_loss(model: Network, patches: Patches, config: TrainingConfig, loss: Loss | None = None) -> float:
    """Return the mean loss over patches that training never sees; nan if there are none.

    ``loss`` is the one that training minimises; None: that of the configuration, built from these patches.
    """
    if not len(patches):
        return math.nan
    loss = loss or loss_for(config, model, patches)
    model.eval()
    total = 0.0
    with torch.inference_mode(), products_in("float32"):
        for index in torch.arange(len(patches), device=patches.device).split(256):
            inputs, targets = patches.batch(index)
            total += float(loss(model(inputs), inner(targets, model.border))) * len(index)
    return total / len(patches)
