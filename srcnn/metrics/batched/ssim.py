"""SSIM in batches: see ``srcnn.metrics.ssim``."""

from functools import lru_cache

import torch
from torch import Tensor

from srcnn.metrics.batched.pictures import Pairs, Pictures, double_planes
from srcnn.metrics.ssim import SIGMA, WINDOW, constants


def ssim(pairs: Pairs) -> Tensor:
    """Return the mean of SSIM over windows and bands, float64 (N); nan below 11x11 pixels."""
    if min(pairs.shape) < WINDOW:
        return pairs.undefined()
    c1, c2 = constants(pairs.estimates.data_range)
    x, y = pairs.both(double_planes)
    (mean_x, mean_y), (squares_x, squares_y) = pairs.both(_means), pairs.both(_squares)
    product = mean_x * mean_y
    covariance = _blur(x * y).sub_(product)
    means = mean_x.square().addcmul_(mean_y, mean_y)
    variances = (squares_x + squares_y).sub_(means)
    above = (product * 2.0).add_(c1).mul_(covariance.mul_(2.0).add_(c2))
    return above.div_(means.add_(c1).mul_(variances.add_(c2))).flatten(1).mean(dim=1)


def _means(pictures: Pictures) -> Tensor:
    return _blur(pictures.feature(double_planes))


def _squares(pictures: Pictures) -> Tensor:
    return _blur(pictures.feature(double_planes).square())


def _blur(bands: Tensor) -> Tensor:
    """Return the Gaussian's weighted sums over the windows that lie whole inside bands (N, C, H, W).

    As two products with a matrix of the weights, most of which are 0: devices multiply matrices faster than they slide
    eleven weights, and in float64, without which the variances of flat windows would be lost.
    """
    height, width = bands.shape[-2:]
    return _gaussian(height, bands.device) @ (bands @ _gaussian(width, bands.device).mT)


@lru_cache(maxsize=16)
def _gaussian(size: int, device: torch.device) -> Tensor:
    """Return the matrix (size - 10, size) that weights lines of ``size`` pixels."""
    taps = torch.exp(-0.5 * ((torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2) / SIGMA).square())
    matrix = torch.zeros(size - WINDOW + 1, size, dtype=torch.float64)
    for place, tap in enumerate(taps / taps.sum()):
        matrix.diagonal(place).fill_(float(tap))
    return matrix.to(device)
