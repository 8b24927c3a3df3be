"""SAM in batches: see ``srcnn.metrics.sam``."""

import torch
from torch import Tensor

from srcnn.metrics.batched.pictures import Pairs, double_planes, identical


def sam(pairs: Pairs) -> Tensor:
    """Return the mean over pixels of atan2(|x| |y| sin alpha, <x, y>) in degrees, float64 (N).

    The sine is by Lagrange's identity, (|x| |y| sin alpha)^2 = sum over i < j of (x_i y_j - x_j y_i)^2. A pixel that is
    black in one of the pictures is left out; nan stands where every pixel is.
    """
    x, y = (bands.flatten(2) for bands in pairs.both(double_planes))
    cross = torch.zeros_like(x[:, 0])
    for apart in range(1, x.shape[1]):
        cross += (x[:, :-apart] * y[:, apart:] - x[:, apart:] * y[:, :-apart]).square().sum(dim=1)
    coloured = (x != 0).any(dim=1) & (y != 0).any(dim=1)
    angles = torch.atan2(cross.sqrt(), (x * y).sum(dim=1)) * coloured
    mean = torch.rad2deg(angles.sum(dim=1) / coloured.sum(dim=1))
    return torch.where(pairs.feature(identical), 0.0, mean)
