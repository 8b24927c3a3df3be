"""The mean squared error, which PSNR rewards."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from srcnn.losses.build import Loss
from srcnn.losses.pairs import Pairs


def build(settings: Mapping[str, Any], pairs: Pairs) -> Loss:
    """Return the loss."""
    return mse


def mse(estimate: Tensor, target: Tensor) -> Tensor:
    """Return the mean of (estimate - target)^2."""
    return (estimate - target).square().mean()
