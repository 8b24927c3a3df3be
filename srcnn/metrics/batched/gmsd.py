"""GMSD in batches: see ``srcnn.metrics.gmsd``."""

from torch import Tensor

from srcnn.metrics.batched.pictures import Pairs, Pictures, grey
from srcnn.metrics.batched.reduced import gradients, subsampled
from srcnn.metrics.gmsd import SMALLEST, C


def gmsd(pairs: Pairs) -> Tensor:
    """Return the standard deviation of the gradients' similarity, float64 (N); nan below 3x3 pixels."""
    if min(pairs.shape) < SMALLEST:
        return pairs.undefined()
    x, y = pairs.both(_magnitude)
    unlike = (x - y).square().div_(x.square().add_(y.square()).add_(C))  # 1 - GMS
    return unlike.flatten(1).std(dim=1)


def _magnitude(pictures: Pictures) -> Tensor:
    halved = subsampled(pictures.feature(grey)[:, None], 2)[:, 0]
    return gradients(halved).square().sum(dim=1).sqrt()
