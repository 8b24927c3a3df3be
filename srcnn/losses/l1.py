"""The mean absolute error."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from srcnn.losses.build import Loss
from srcnn.losses.pairs import Pairs


def build(settings: Mapping[str, Any], pairs: Pairs) -> Loss:
    """Return the loss."""
    return l1


def l1(estimate: Tensor, target: Tensor) -> Tensor:
    """Return the mean of |estimate - target|."""
    return (estimate - target).abs().mean()
