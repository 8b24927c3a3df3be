"""MDSI in batches: see ``srcnn.metrics.mdsi`` and, for the formulas, ``srcnn.metrics.kernels.prewitt``."""

import torch
from torch import Tensor

from srcnn.metrics.batched.pictures import Pairs, Pictures, double_planes, identical
from srcnn.metrics.batched.reduced import gradients, mixed, subsampled
from srcnn.metrics.fsim import block_size
from srcnn.metrics.mdsi import ALPHA, C1, C2, C3, LHM, SMALLEST


def mdsi(pairs: Pairs) -> Tensor:
    """Return (mean of |z - mean of z|)^(1/4) of z = GCS^(1/4), float64 (N); nan below 3x3 pixels."""
    if min(pairs.shape) < SMALLEST:
        return pairs.undefined()
    (x, colour_x), (y, colour_y) = ((each[:, :2], each[:, 2:]) for each in pairs.both(_features))
    a, b, f = (each.square().sum(dim=1) for each in (x, y, (x + y).mul_(0.5)))
    gradient = _alike(a, b, C1).add_(_alike(b, f, C2)).sub_(_alike(a, f, C2))
    energy = colour_x.square().add_(colour_y.square()).sum(dim=1)
    colour = (colour_x * colour_y).sum(dim=1).mul_(2.0).add_(C3).div_(energy.add_(C3))
    value = gradient.mul_(ALPHA).add_(colour, alpha=1.0 - ALPHA)
    root = torch.view_as_real(torch.complex(value, torch.zeros_like(value)).pow(0.25)).flatten(1, 2)
    deviation = (root - root.mean(dim=1, keepdim=True)).square().sum(dim=2).sqrt().mean(dim=1)
    return torch.where(pairs.feature(identical), 0.0, deviation**0.25)


def _alike(p: Tensor, q: Tensor, c: float) -> Tensor:
    """Return (2 sqrt(p q) + c) / (p + q + c) of two squared magnitudes."""
    return (p * q).sqrt_().mul_(2.0).add_(c).div_((p + q).add_(c))


def _features(pictures: Pictures) -> Tensor:
    """Return the gradients G_x and G_y of the lightness, and the colours H and M (N, 4, H, W)."""
    bands = pictures.feature(double_planes)
    if bands.shape[1] != 3:
        bands = bands.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    reduced = subsampled(bands, block_size(*pictures.shape))
    lhm = mixed(reduced, LHM, 255.0 / pictures.data_range)
    return torch.cat([gradients(lhm[:, 0]), lhm[:, 1:]], dim=1)
