"""COS in batches: see ``srcnn.metrics.cos``."""

import torch
from torch import Tensor

from srcnn.metrics.batched.pictures import Pairs, energy, identical, planes, sums, wide


def cos(pairs: Pairs) -> Tensor:
    """Return <x, y> / (|x| |y|) of the raveled pictures, float64 (N); nan where one of them is all black."""
    x, y = pairs.both(planes)
    norms_x, norms_y = pairs.both(energy)
    cosine = sums(wide(x) * wide(y)).sum(dim=1) / (norms_x.sqrt() * norms_y.sqrt())
    cosine = torch.where(pairs.feature(identical), 1.0, cosine.clamp(-1.0, 1.0))
    return torch.where((norms_x > 0) & (norms_y > 0), cosine, torch.nan)
