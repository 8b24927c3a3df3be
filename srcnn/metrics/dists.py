"""DISTS of an installed piq: a study names it as ``srcnn.metrics.dists:dists``.

Without package or weights this module cannot be imported, which a study is told when it is submitted.
"""

import importlib
from functools import cache
from typing import Any

from numpy.typing import NDArray

from srcnn.metrics.perceptual import VGG, distance, installed, require_weights

installed("DISTS", "piq")
require_weights(VGG, "dists_weights.pt")


def dists(reference: NDArray[Any], estimate: NDArray[Any], data_range: float) -> float | None:
    """Return DISTS, 0 for identical pictures; None below 16 pixels a side.

    What has not three bands is compared by its mean in each of three.
    Source: Ding et al. (2020), doi:10.1109/TPAMI.2020.3045810.
    """
    return distance(_network(), reference, estimate, data_range)


dists.unit, dists.higher_is_better = "1", False  # type: ignore[attr-defined]


@cache
def _network() -> Any:
    return importlib.import_module("piq").DISTS().eval()
