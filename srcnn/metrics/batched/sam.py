"""SAM in batches: see ``srcnn.metrics.sam``."""

import torch
from torch import Tensor

from srcnn.metrics.batched.pictures import Pairs, identical, planes


def sam(pairs: Pairs) -> Tensor:
    """Return the mean over pixels of atan2(|x| |y| sin alpha, <x, y>) in degrees, float64 (N).

    The sine is by Lagrange's identity, (|x| |y| sin alpha)^2 = sum over i < j of (x_i y_j - x_j y_i)^2. Products of
    bytes are exact in float32, where the rest of a pixel's angle loses no more than its last digit. A pixel that is
    black in one of the pictures is left out; nan stands where every pixel is.
    """
    x, y = (_real(bands).flatten(2) for bands in pairs.both(planes))
    cross = torch.zeros_like(x[:, 0])
    for apart in range(1, x.shape[1]):
        minors = (x[:, :-apart] * y[:, apart:]).sub_(x[:, apart:] * y[:, :-apart])
        cross += minors.square_().sum(dim=1)
    coloured = (x != 0).any(dim=1) & (y != 0).any(dim=1)
    angles = torch.atan2(cross.sqrt_(), (x * y).sum(dim=1)).mul_(coloured)
    mean = torch.rad2deg(angles.sum(dim=1, dtype=torch.float64) / coloured.sum(dim=1))
    return torch.where(pairs.feature(identical), 0.0, mean)


def _real(bands: Tensor) -> Tensor:
    return bands.float() if bands.dtype == torch.uint8 else bands
