"""SSIM in batches: see ``srcnn.metrics.ssim``."""

from functools import cache

import torch
from torch import Tensor

from srcnn.metrics.batched.pictures import Pairs, Pictures, double_planes
from srcnn.metrics.batched.windows import windows
from srcnn.metrics.ssim import SIGMA, WINDOW, constants


def ssim(pairs: Pairs) -> Tensor:
    """Return the mean of SSIM over windows and bands, float64 (N); nan below 11x11 pixels."""
    if min(pairs.shape) < WINDOW:
        return pairs.undefined()
    c1, c2 = constants(pairs.estimates.data_range)
    x, y = pairs.both(double_planes)
    return similarities(x, y, pairs.both(_means), pairs.both(_squares), c1, c2)


def similarities(
    x: Tensor, y: Tensor, means: tuple[Tensor, Tensor], squares: tuple[Tensor, Tensor], c1: float, c2: float
) -> Tensor:
    """Return the mean of SSIM over windows and bands (N) of bands (N, C, H, W) and of the windows' x and x^2."""
    (mean_x, mean_y), (squares_x, squares_y) = means, squares
    product = mean_x * mean_y
    covariance = blur(x * y).sub_(product)
    sum_of_squares = mean_x.square().addcmul_(mean_y, mean_y)
    variances = (squares_x + squares_y).sub_(sum_of_squares)
    above = (product * 2.0).add_(c1).mul_(covariance.mul_(2.0).add_(c2))
    return above.div_(sum_of_squares.add_(c1).mul_(variances.add_(c2))).flatten(1).mean(dim=1)


def blur(bands: Tensor) -> Tensor:
    """Return the Gaussian's weighted sums over the windows that lie whole inside bands (N, C, H, W)."""
    return windows(bands, _taps())


def _means(pictures: Pictures) -> Tensor:
    return blur(pictures.feature(double_planes))


def _squares(pictures: Pictures) -> Tensor:
    return blur(pictures.feature(double_planes).square())


@cache
def _taps() -> tuple[float, ...]:
    taps = torch.exp(-0.5 * ((torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2) / SIGMA).square())
    return tuple((taps / taps.sum()).tolist())
