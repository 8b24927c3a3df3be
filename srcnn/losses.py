"""LOSSES: the losses that training minimises; name -> function(estimate, target) -> mean loss.

The functions take torch tensors of one shape; nothing here imports torch, so that a study can be
checked without it.
"""

from collections.abc import Callable
from typing import Any

CHARBONNIER_EPSILON = 1e-3  # Lai et al. (2017), doi:10.1109/CVPR.2017.618, on [0, 1]


def mse(estimate: Any, target: Any) -> Any:
    """Return the mean of (estimate - target)^2, which PSNR rewards."""
    return (estimate - target).square().mean()


def l1(estimate: Any, target: Any) -> Any:
    """Return the mean of |estimate - target|."""
    return (estimate - target).abs().mean()


def charbonnier(estimate: Any, target: Any) -> Any:
    """Return the mean of sqrt((estimate - target)^2 + epsilon^2): the absolute error, smooth at zero."""
    return ((estimate - target).square() + CHARBONNIER_EPSILON**2).sqrt().mean()


LOSSES: dict[str, Callable[[Any, Any], Any]] = {"mse": mse, "l1": l1, "charbonnier": charbonnier}
