"""The Charbonnier loss: the absolute error, smooth at zero."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from srcnn.losses.build import Loss
from srcnn.losses.pairs import Pairs


def build(settings: Mapping[str, Any], pairs: Pairs) -> Loss:
    """Return the loss, the mean of sqrt((estimate - target)^2 + epsilon^2); its setting is ``epsilon``.

    Source: Lai et al. (2017), doi:10.1109/CVPR.2017.618.
    """
    squared = settings["epsilon"] ** 2

    def charbonnier(estimate: Tensor, target: Tensor) -> Tensor:
        return ((estimate - target).square() + squared).sqrt().mean()

    return charbonnier
