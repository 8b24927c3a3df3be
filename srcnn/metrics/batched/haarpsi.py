"""HaarPSI in batches: see ``srcnn.metrics.haarpsi`` and, for the formulas, ``srcnn.metrics.kernels.haar``."""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from srcnn.metrics.batched.pictures import Pairs, Pictures, double_planes, identical
from srcnn.metrics.batched.reduced import mixed, subsampled
from srcnn.metrics.haarpsi import ALPHA, YIQ, C


def haarpsi(pairs: Pairs) -> Tensor:
    """Return HaarPSI, float64 (N), 1 for identical pictures; nan where both are black."""
    x, y = pairs.both(_coefficients)
    similarities = _alike(x[:, :, :2], y[:, :, :2]).mean(dim=2)
    weights = torch.maximum(x[:, :, 2], y[:, :, 2])
    if _has_colour(pairs.estimates):
        colour = _alike(*pairs.both(_magnitudes)).mean(dim=1, keepdim=True)
        similarities = torch.cat([similarities, colour], dim=1)
        weights = torch.cat([weights, weights.mean(dim=1, keepdim=True)], dim=1)
    whole = weights.flatten(1).sum(dim=1)
    mean = (similarities.mul_(ALPHA).sigmoid_() * weights).flatten(1).sum(dim=1) / whole
    value = (torch.logit(mean) / ALPHA).square()
    value = torch.where(whole > 0, value, torch.nan)
    return torch.where(pairs.feature(identical), 1.0, value)


def _alike(a: Tensor, b: Tensor) -> Tensor:
    return (2.0 * a * b).add_(C).div_(a.square().add_(b.square()).add_(C))


def _has_colour(pictures: Pictures) -> bool:
    return bool(pictures.feature(double_planes).shape[1] == 3)


def _halved(pictures: Pictures) -> Tensor:
    """Return Y, I and Q (N, 3, H, W), or Y alone (N, 1, H, W), averaged over 2x2 pixels."""
    bands, scale = pictures.feature(double_planes), 255.0 / pictures.data_range
    if _has_colour(pictures):
        return mixed(subsampled(bands, 2), YIQ, scale)
    return subsampled(bands.mean(dim=1, keepdim=True) * scale, 2)


def _coefficients(pictures: Pictures) -> Tensor:
    """Return |h_k * Y| (N, 2, 3, H, W): across rows, then across columns, of three scales."""
    around = pad(pictures.feature(_halved)[:, 0], (3, 4, 3, 4))
    height, width = (side - 7 for side in around.shape[-2:])
    scales = []
    for size in (2, 4, 8):
        first = 4 - size // 2
        part = around[:, first : first + height + size - 1, first : first + width + size - 1]
        both = [_summed(_unlike(part, size // 2, dim), size, 3 - dim) for dim in (1, 2)]
        scales.append(torch.stack(both, dim=1).abs_().div_(size))
    return torch.stack(scales, dim=2)


def _unlike(maps: Tensor, half: int, dim: int) -> Tensor:
    """Return the sum of ``half`` neighbours less that of the next ones."""
    sums = _summed(maps, half, dim)
    count = sums.shape[dim] - half
    return sums.narrow(dim, 0, count) - sums.narrow(dim, half, count)


def _summed(maps: Tensor, size: int, dim: int) -> Tensor:
    """Return the sums of ``size`` neighbours, a power of two."""
    step = 1
    while step < size:
        count = maps.shape[dim] - step
        maps = maps.narrow(dim, 0, count) + maps.narrow(dim, step, count)
        step *= 2
    return maps


def _magnitudes(pictures: Pictures) -> Tensor:
    """Return |means of 2x2 pixels| of I and Q (N, 2, H, W)."""
    return avg_pool2d(pad(pictures.feature(_halved)[:, 1:], (0, 1, 0, 1)), 2, stride=1).abs_()
