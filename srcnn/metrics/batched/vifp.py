"""VIFp in batches: see ``srcnn.metrics.vifp`` and, for the formulas, ``srcnn.metrics.kernels.information``."""

import torch
from torch import Tensor

from srcnn.metrics.batched.pictures import Pairs, Pictures, grey, identical
from srcnn.metrics.batched.windows import windows
from srcnn.metrics.vifp import NOISE, SMALLEST, WINDOWS, gaussian

_TINY = 1e-10  # a variance below it counts as none


def vifp(pairs: Pairs) -> Tensor:
    """Return the share of the reference's information that its estimate tells, float64 (N); nan if there is none."""
    if min(pairs.shape) < SMALLEST:
        return pairs.undefined()
    told, held = torch.zeros_like(pairs.undefined()), pairs.both(_held)[0]
    for number, window in enumerate(WINDOWS):
        x, y = pairs.both(_SCALES[number])
        (mean_x, variance_x), (mean_y, variance_y) = (each.unbind(1) for each in pairs.both(_MOMENTS[number]))
        covariance = windows(x * y, gaussian(window)).sub_(mean_x * mean_y)
        gain = covariance / (variance_x + _TINY)
        left = (variance_y - gain * covariance).clamp_(min=_TINY)
        some = (variance_x >= _TINY) & (variance_y >= _TINY) & (gain > 0)
        ratio = torch.where(some, gain.square() * variance_x / left.add_(NOISE), 0.0)
        told += ratio.log1p_().flatten(1).sum(dim=1)
    value = torch.where(held > 0, told / held, torch.nan)
    return torch.where(pairs.feature(identical), 1.0, value)


class _Scale:
    """A feature of pictures: the luminance (N, H, W) at one scale."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __call__(self, pictures: Pictures) -> Tensor:
        if not self.number:
            luminance: Tensor = pictures.feature(grey)
            return luminance
        return windows(pictures.feature(_SCALES[self.number - 1]), gaussian(WINDOWS[self.number]))[:, ::2, ::2]


class _Moments:
    """A feature of pictures: the means and variances (N, 2, H, W) of the windows at one scale."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __call__(self, pictures: Pictures) -> Tensor:
        image, taps = pictures.feature(_SCALES[self.number]), gaussian(WINDOWS[self.number])
        mean = windows(image, taps)
        return torch.stack([mean, (windows(image.square(), taps) - mean.square()).clamp_(min=0.0)], dim=1)


_SCALES = [_Scale(number) for number in range(len(WINDOWS))]
_MOMENTS = [_Moments(number) for number in range(len(WINDOWS))]


def _held(pictures: Pictures) -> Tensor:
    total = torch.zeros(len(pictures), dtype=torch.float64, device=pictures.device)
    for moments in _MOMENTS:
        variances = pictures.feature(moments)[:, 1]
        total += torch.where(variances >= _TINY, variances / NOISE, 0.0).log1p_().flatten(1).sum(dim=1)
    return total
