"""Pictures averaged down in batches: see ``srcnn.metrics.kernels.reduced``."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad


def subsampled(maps: Tensor, size: int) -> Tensor:
    """Return the means around every ``size``-th pixel of float64 maps (N, C, H, W), zeros beyond the border."""
    if size == 1:
        return maps
    before = (size - 1) // 2
    height, width = maps.shape[-2:]
    after = [-(-side // size) * size - before - side for side in (height, width)]  # negative: it cuts
    return avg_pool2d(pad(maps, (before, after[1], before, after[0])), size)


def mixed(bands: Tensor, rows: Sequence[Sequence[float]], scale: float) -> Tensor:
    """Return ``scale`` times the weighted sums of bands (N, 3, H, W), one a row of weights, as (N, rows, H, W)."""
    return torch.stack([sum_of(bands, [scale * weight for weight in row]) for row in rows], dim=1)


def sum_of(bands: Tensor, weights: Sequence[float]) -> Tensor:
    """Return the weighted sum of bands (N, C, H, W), as (N, H, W)."""
    total = bands[:, 0] * weights[0]
    for number, weight in enumerate(weights[1:], start=1):
        total = total.add_(bands[:, number], alpha=weight)
    return total


def gradients(maps: Tensor) -> Tensor:
    """Return G_x and G_y (N, 2, H, W) of maps (N, H, W), by Prewitt's operator over 3, zeros beyond the border."""
    around = pad(maps, (1, 1, 1, 1))
    columns = around[:, :-2] + around[:, 1:-1] + around[:, 2:]
    rows = around[:, :, :-2] + around[:, :, 1:-1] + around[:, :, 2:]
    return torch.stack([columns[:, :, :-2] - columns[:, :, 2:], rows[:, :-2] - rows[:, 2:]], dim=1).div_(3.0)
