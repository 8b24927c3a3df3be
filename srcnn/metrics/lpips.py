"""LPIPS by VGG16, of an installed piq or lpips: a study names it as ``srcnn.metrics.lpips:lpips``.

Without package or weights this module cannot be imported, which a study is told when it is submitted.
"""

import importlib
from functools import cache
from typing import Any

from numpy.typing import NDArray

from srcnn.metrics.perceptual import VGG, distance, installed, require_weights

_PACKAGE = installed("LPIPS", "piq", "lpips")
require_weights(VGG, *(["lpips_weights.pt"] if _PACKAGE == "piq" else []))


def lpips(reference: NDArray[Any], estimate: NDArray[Any], data_range: float) -> float | None:
    """Return LPIPS, 0 for identical pictures; None below 16 pixels a side.

    What has not three bands is compared by its mean in each of three.
    Source: Zhang et al. (2018), doi:10.1109/CVPR.2018.00068.
    """
    return distance(_network(), reference, estimate, data_range)


lpips.unit, lpips.higher_is_better = "1", False  # type: ignore[attr-defined]


@cache
def _network() -> Any:
    package = importlib.import_module(_PACKAGE)
    if _PACKAGE == "piq":
        return package.LPIPS().eval()
    network = package.LPIPS(net="vgg", verbose=False).eval()
    return lambda x, y: network(x, y, normalize=True)
