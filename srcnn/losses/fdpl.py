"""FDPL, the frequency domain perceptual loss: squared differences of DCT coefficients, weighted by frequency.

    loss = mean over pixels of w(u, v) (D X D')(u, v)^2,    X = estimate - target in blocks of 8x8 without overlap

D is the orthonormal DCT-II (the transform is linear, so that of the difference is the difference). Weights say how much
of a frequency bicubic interpolation loses, and how well people see it:

    w(u, v) = d(u, v) / Q(u, v),    d = mean over blocks of |A - B| / ((|A| + |B|) / 2)

A and B are the coefficients of interpolated and original training patches, Q is JPEG's table for luminance at a
``quality``. They are divided by their mean: with equal weights the loss would be the mean squared error (Parseval), so
that learning rates of the two compare. A factor common to all of Q therefore cancels: the quality counts where the
table is rounded to 1 (high) or cut at 255 (low).

Source: Sims (2020), arXiv:2007.12296, which sums where this takes a mean.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from srcnn.losses import LossError
from srcnn.losses.build import Loss
from srcnn.losses.pairs import Pairs

SIDE = 8
MOST = 20_000  # patches that weights are taken from, evenly spread: a mean over more changes nothing that counts
AT_ONCE = 512
NOTHING = 1e-8  # far below the coefficients of 8-bit pictures, far above rounding: 0 against 0 differs by nothing
# JPEG's table for luminance at quality 50: ITU-T T.81 (1992), table K.1.
LUMINANCE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)


def build(settings: Mapping[str, Any], pairs: Pairs) -> Loss:
    """Return the loss with weights from the training pairs; its setting is ``quality`` (1 to 100).

    Raises LossError for patches of which no multiple of 8 is compared, or pairs that do not differ.
    """
    if pairs.side <= 0 or pairs.side % SIDE:
        raise LossError(f"loss fdpl takes a multiple of {SIDE} pixels, and {pairs.side} of a patch are compared")
    weights = frequency_weights(pairs, settings["quality"]).float()
    transform = dct_matrix().float().to(pairs.device)

    def fdpl(estimate: Tensor, target: Tensor) -> Tensor:
        return (_transformed(estimate - target, transform).square() * weights).mean()

    return fdpl


def frequency_weights(pairs: Pairs, quality: int) -> Tensor:
    """Return the weight of each frequency, (8, 8) with vertical ones first, float64, of mean 1."""
    transform = dct_matrix().to(pairs.device)
    total, blocks = torch.zeros(SIDE, SIDE, dtype=torch.float64, device=pairs.device), 0
    chosen = torch.arange(0, len(pairs), -(-len(pairs) // MOST), device=pairs.device)
    for index in chosen.split(AT_ONCE):
        a, b = (_transformed(patches.double(), transform) for patches in pairs.take(index))
        differences = (a - b).abs() / ((a.abs() + b.abs()) / 2 + NOTHING)
        total, blocks = total + differences.sum(dim=(0, 1, 2)), blocks + differences[..., 0, 0].numel()
    weights = total / blocks / torch.from_numpy(quantisation(quality)).to(pairs.device)
    if not bool(weights.sum() > 0):
        raise LossError("loss fdpl: interpolated and original training patches do not differ, so nothing has a weight")
    return weights / weights.mean()


def quantisation(quality: int) -> NDArray[np.float64]:
    """Return JPEG's table for luminance at a quality from 1 to 100, as libjpeg scales it."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.clip((LUMINANCE * percent + 50) // 100, 1, 255).astype(np.float64)


def dct_matrix() -> Tensor:
    """Return the orthonormal DCT-II as a matrix (frequency, place), float64."""
    frequency, place = np.arange(SIDE)[:, None], np.arange(SIDE)[None, :]
    matrix = np.sqrt(2 / SIDE) * np.cos(np.pi * frequency * (2 * place + 1) / (2 * SIDE))
    matrix[0] = np.sqrt(1 / SIDE)
    return torch.from_numpy(matrix)


def _transformed(images: Tensor, transform: Tensor) -> Tensor:
    """Return the coefficients of images (N, 1, H, W), as (N, H / 8, W / 8, 8, 8), vertical frequencies first."""
    height, width = images.shape[-2:]
    blocks = images.reshape(-1, height // SIDE, SIDE, width // SIDE, SIDE)
    # One product of matrices for each direction; block by block there would be thousands of small ones.
    return ((blocks @ transform.T).transpose(2, 4) @ transform.T).permute(0, 1, 3, 4, 2)
