"""LOSSES: what training minimises; name -> function(estimate, target) -> mean loss.

The functions take torch tensors of one shape; nothing here imports torch, so that a study can be
checked without it.
"""

from collections.abc import Callable
from typing import Any


def mse(estimate: Any, target: Any) -> Any:
    """Mean squared error, which PSNR rewards."""
    return (estimate - target).square().mean()


def l1(estimate: Any, target: Any) -> Any:
    """Mean absolute error."""
    return (estimate - target).abs().mean()


LOSSES: dict[str, Callable[[Any, Any], Any]] = {"mse": mse, "l1": l1}
