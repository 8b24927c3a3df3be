"""ISSM in batches: see ``srcnn.metrics.issm``."""

import math

import torch
from torch import Tensor

from srcnn.metrics.batched.edges import canny
from srcnn.metrics.batched.pictures import Pairs, Pictures, byte_luminance
from srcnn.metrics.batched.ssim import ssim
from srcnn.metrics.issm import HIGH, LOW, A, B, C
from srcnn.metrics.ssim import WINDOW


def issm(pairs: Pairs) -> Tensor:
    """Return (R H (A + B) + e) / (A R H + B H + C SSIM + e), float64 (N); nan below SSIM's 11x11 window."""
    similarity: Tensor = pairs.feature(ssim)
    if min(pairs.shape) < WINDOW:
        return similarity
    entropy, edges = _joint_entropy(*pairs.both(byte_luminance)), _correlation(*pairs.both(_edges))
    above = edges * entropy * (A + B) + math.e
    return above / (A * edges * entropy + B * entropy + C * similarity + math.e)


def _edges(pictures: Pictures) -> Tensor:
    return canny(pictures.feature(byte_luminance), LOW, HIGH)


def _joint_entropy(x: Tensor, y: Tensor) -> Tensor:
    """Return H in bits of the joint histogram of pairs of uint8 pictures (N, H, W), float64 (N)."""
    x, y = x.flatten(1), y.flatten(1)
    n, size = x.shape
    counts = torch.zeros(n, 65536, dtype=torch.int32, device=x.device)
    counts.scatter_add_(1, x.long() * 256 + y, torch.ones_like(x, dtype=torch.int32))
    counted = counts.double()
    return math.log2(size) - (counted * counted.clamp(min=1).log2()).sum(dim=1) / size


def _correlation(x: Tensor, y: Tensor) -> Tensor:
    """Return Pearson's correlation of boolean maps (N, H, W), float64 (N): 1 if both are equal, 0 if one is empty."""
    n, a, b, both = x[0].numel(), *(each.flatten(1).sum(dim=1).double() for each in (x, y, x & y))
    spread = a * (n - a) * b * (n - b)
    correlation = torch.where(spread > 0, (n * both - a * b) / spread.clamp(min=1).sqrt(), 0.0)
    return torch.where((a == b) & (a == both), 1.0, correlation)
