"""Weighted sums over sliding windows that lie whole inside maps, in batches."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor


def windows(maps: Tensor, taps: Sequence[float] | np.ndarray) -> Tensor:
    """Return sum over k, l of w_k w_l x_(r + k)(c + l) of maps (..., H, W), as (..., H - N + 1, W - N + 1).

    ``taps`` are the N weights w. As two products with a matrix of them, most of which are 0: devices multiply matrices
    faster than they slide weights, and in float64, without which the variances of flat windows would be lost.
    """
    height, width = maps.shape[-2:]
    weights = tuple(float(tap) for tap in taps)
    return _matrix(height, weights, maps.device) @ (maps @ _matrix(width, weights, maps.device).mT)


@lru_cache(maxsize=64)
def _matrix(size: int, taps: tuple[float, ...], device: torch.device) -> Tensor:
    """Return the matrix (size - N + 1, size) that weights lines of ``size`` pixels."""
    matrix = torch.zeros(size - len(taps) + 1, size, dtype=torch.float64)
    for place, tap in enumerate(taps):
        matrix.diagonal(place).fill_(tap)
    return matrix.to(device)
