"""The bicubic enlargement within a network that is fed low resolution: what its residual is added to."""

import numpy as np
import torch
from torch import Tensor, nn

from srcnn.resize import cubic

TAPS = 2  # input pixels at each side of an output pixel's place that the kernel reaches


class Bicubic(nn.Module):
    """(N, 1, h, w) -> (N, 1, h * scale, w * scale), as ``srcnn.resize`` enlarges, borders mirrored; nothing is learnt.

    Output pixel s * i + p is the sum over k = -2..2 of K(k - d) x[i + k], with d = (p + 1/2) / s - 1/2 and K Keys'
    kernel: a convolution to s * s bands, one for each place p within an input pixel, laid out side by side.
    """

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale
        place = (np.arange(scale) + 0.5) / scale - 0.5
        line = cubic(np.arange(-TAPS, TAPS + 1)[None, :] - place[:, None])
        line /= line.sum(axis=1, keepdims=True)
        kernels = np.einsum("ai,bj->abij", line, line).reshape(scale**2, 1, 2 * TAPS + 1, 2 * TAPS + 1)
        self.register_buffer("kernels", torch.from_numpy(kernels).float(), persistent=False)
        self.kernels: Tensor

    def forward(self, luma: Tensor) -> Tensor:
        """Return the enlargement."""
        with torch.autocast(luma.device.type, enabled=False):  # what is learnt may be rounded, but not the picture
            bands = nn.functional.conv2d(_mirrored(_mirrored(luma, -1), -2), self.kernels)
        return nn.functional.pixel_shuffle(bands, self.scale)


def _mirrored(luma: Tensor, side: int) -> Tensor:
    """Return luma with TAPS more pixels at both ends of a side: its own in reverse, as no padding of torch does."""
    length = luma.shape[side]
    index = torch.arange(-TAPS, length + TAPS, device=luma.device) % (2 * length)
    return luma.index_select(side, torch.minimum(index, 2 * length - 1 - index))
