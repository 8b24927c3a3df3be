"""MS-SSIM in batches: see ``srcnn.metrics.ms_ssim``."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from srcnn.metrics.batched.pictures import Pairs, Pictures, grey
from srcnn.metrics.batched.reduced import subsampled
from srcnn.metrics.batched.ssim import blur, similarities
from srcnn.metrics.ms_ssim import SMALLEST, WEIGHTS, luminance_constants
from srcnn.metrics.ssim import constants


def ms_ssim(pairs: Pairs) -> Tensor:
    """Return the product over scales of (contrast and structure)^weight, float64 (N); nan below 161 pixels a side."""
    if min(pairs.shape) < SMALLEST:
        return pairs.undefined()
    c1, c2 = constants(255.0)
    value = torch.ones_like(pairs.undefined())
    for number, (weight, c) in enumerate(zip(WEIGHTS, luminance_constants(c1), strict=True)):
        x, y = pairs.both(_SCALES[number])
        similar = similarities(x, y, pairs.both(_MEANS[number]), pairs.both(_SQUARES[number]), c, c2)
        value *= similar.clamp(min=0.0) ** weight
    return value


class _Scale:
    """A feature of pictures: the luminance (N, 1, H, W) at one scale."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __call__(self, pictures: Pictures) -> Tensor:
        if not self.number:
            return pictures.feature(grey)[:, None]
        finer: Tensor = pictures.feature(_SCALES[self.number - 1])
        height, width = finer.shape[-2:]
        return subsampled(pad(finer, (0, width % 2, 0, height % 2), "replicate"), 2)


class _Mean:
    """A feature of pictures: the windows' means at one scale, of the luminance to a power."""

    def __init__(self, number: int, power: int) -> None:
        self.number, self.power = number, power

    def __call__(self, pictures: Pictures) -> Tensor:
        return blur(pictures.feature(_SCALES[self.number]) ** self.power)


_SCALES = [_Scale(number) for number in range(len(WEIGHTS))]
_MEANS = [_Mean(number, 1) for number in range(len(WEIGHTS))]
_SQUARES = [_Mean(number, 2) for number in range(len(WEIGHTS))]
