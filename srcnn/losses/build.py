"""Losses built by name, and the check that one keeps the contract."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from srcnn.batches import Patches
from srcnn.deprocess import CENTRE, Standardisation
from srcnn.losses import LOSSES, LossError
from srcnn.losses.pairs import Pairs
from srcnn.own_code import own_attribute
from srcnn.words import said, told

Loss = Callable[[Tensor, Tensor], Tensor]
CONTRACT = (
    "a loss is built by a function of (settings, pairs), a mapping and the training pairs (srcnn/losses/pairs.py), "
    "which returns a function of (estimate, target), both (N, 1, h, w); that returns their mean difference, one number "
    "with a gradient"
)
TRIED = 4  # pairs that a loss is built from when it is checked


def build_loss(name: str, settings: Mapping[str, Any], pairs: Pairs) -> Loss:
    """Return the loss of this name: a function of what the network made and the original, both (N, 1, h, w).

    ``settings`` are the loss's own. Whatever it learns of the pairs, and its constants, it computes here, once.
    Raises LossError if the name leads nowhere, or the loss cannot be built.
    """
    try:
        build = own_attribute(LOSSES[name].builder if name in LOSSES else name)
    except ValueError as error:
        raise LossError(f"loss {name!r}: {error}") from error
    if name in LOSSES:
        loss: Loss = build(LOSSES[name].settings(**settings).model_dump(), pairs)
        return loss
    try:
        loss = build(dict(settings), pairs)
    except MemoryError:
        raise
    except TypeError as error:
        raise LossError(f"loss {name!r} cannot be built: {said(error)}; {CONTRACT}") from error
    except (Exception, SystemExit) as error:  # which would end the command, as if all were well
        raise LossError(f"loss {name!r} raised {told(error)} when it was built") from error
    if not callable(loss):
        raise LossError(f"loss {name!r} is built as a {type(loss).__name__}, which cannot be called; {CONTRACT}")
    return loss


def check_loss(name: str, settings: Mapping[str, Any], *, patch_size: int, border: int, input_scale: int) -> None:
    """Build a loss for patches of a study, and call it on small ones.

    ``border`` (output pixels lost at each side) and ``input_scale`` are the network's. Raises LossError that says what
    it returned and what was expected.
    """
    pairs = _made_up(patch_size // input_scale, border, input_scale)
    loss = build_loss(name, settings, pairs)
    interpolated, target = pairs.take(torch.arange(TRIED))
    estimate = interpolated.clone().requires_grad_()
    value = _value(loss, name, estimate, target)
    if value.requires_grad:
        value.backward()
    if estimate.grad is None or not bool(estimate.grad.any()):
        raise LossError(f"loss {name!r} has no gradient where estimate and target differ, so nothing could be learnt")
    if not bool(estimate.grad.isfinite().all()):
        raise LossError(f"loss {name!r} has a gradient that is not finite")
    twice = _value(loss, name, torch.cat([interpolated] * 2), torch.cat([target] * 2))
    once = float(value.detach())
    if abs(float(twice)) > 1.5 * abs(once):  # a sum; chance in a loss may do less
        raise LossError(
            f"loss {name!r} grows with the batch: {once:.4g} for {TRIED} pairs, {float(twice):.4g} for the same ones "
            "twice; expected a mean, so that learning rates do not depend on batch and patch"
        )


def _value(loss: Loss, name: str, estimate: Tensor, target: Tensor) -> Tensor:
    """Return what a loss gives, if that is one finite number. Raises LossError."""
    shape = tuple(estimate.shape)
    try:
        value: Any = loss(estimate, target)
    except Exception as error:
        raise LossError(f"loss {name!r} fails on two tensors of {shape}: {told(error)}") from error
    if not isinstance(value, Tensor):
        raise LossError(f"loss {name!r} returned a {type(value).__name__}, expected a tensor of one number; {CONTRACT}")
    if value.shape != ():
        raise LossError(f"loss {name!r} returned a tensor of {tuple(value.shape)}, expected one number: a mean")
    if not bool(value.isfinite()):
        raise LossError(f"loss {name!r} returned {float(value.detach())} for tensors of ordinary values")
    return value


def _made_up(size: int, border: int, input_scale: int) -> Pairs:
    """Return pairs of noise and the same at half its contrast, of a study's size."""
    noise = np.random.default_rng(0).integers(0, 256, (TRIED, size * input_scale, size * input_scale), np.uint8)
    fed = (64 + noise[:, ::input_scale, ::input_scale] / 2).astype(np.uint8)
    return Pairs(Patches.of(fed, noise, Standardisation(CENTRE, 1.0), torch.device("cpu")), border)
