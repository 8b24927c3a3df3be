"""UIQ in batches: see ``srcnn.metrics.uiq``."""

import torch
from torch import Tensor

from srcnn.metrics.batched.pictures import Pairs, Pictures, planes, wide
from srcnn.metrics.uiq import WINDOW


def uiq(pairs: Pairs) -> Tensor:
    """Return the mean of Q over 8x8 windows at every pixel, and over bands, float64 (N); nan below 8x8 pixels."""
    if min(pairs.shape) < WINDOW:
        return pairs.undefined()
    x, y = pairs.both(planes)
    (sums_x, sums_y), (spread_x, spread_y) = pairs.both(_sums), pairs.both(_spread)
    product = sums_x * sums_y
    covariance = _boxes(wide(x) * wide(y)) * WINDOW**2 - product
    means, variances = sums_x.square() + sums_y.square(), spread_x + spread_y
    return (_quotient(product, means) * _quotient(covariance, variances)).flatten(1).mean(dim=1)


def _quotient(half: Tensor, whole: Tensor) -> Tensor:
    """Return 2 half / whole as float64, 1 where there is nothing to divide by."""
    return torch.where(whole > 0, half.double().mul_(2.0).div_(whole), 1.0)


def _sums(pictures: Pictures) -> Tensor:
    """Return the sums S_x of the windows, int32 or float64."""
    return _boxes(wide(pictures.feature(planes)))


def _spread(pictures: Pictures) -> Tensor:
    """Return n sum of x^2 - S_x^2 of the windows, n being 64, int32 or float64."""
    squares = _boxes(wide(pictures.feature(planes)).square())
    return squares * WINDOW**2 - pictures.feature(_sums).square()


def _boxes(bands: Tensor) -> Tensor:
    """Return the sums of the 8x8 windows of bands (N, C, H, W).

    In int32 they are exact, 64 * 64 * 255^2 being below 2^31. In float64 they are added pair by pair, so that a flat
    window's variance is exactly 0.
    """
    for step in (1, 2, 4):
        bands = bands[..., :-step, :] + bands[..., step:, :]
    for step in (1, 2, 4):
        bands = bands[..., :-step] + bands[..., step:]
    return bands
