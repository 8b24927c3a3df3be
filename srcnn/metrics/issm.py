"""ISSM: information-theoretic statistical similarity, of SSIM, joint entropy and edges."""

import math

import numpy as np

from srcnn.metrics import kernels
from srcnn.metrics.metric import Metric
from srcnn.metrics.picture import MeasuredPair, MeasuredPicture, byte_luminance
from srcnn.metrics.ssim import WINDOW, package_ssim, ssim

A, B, C = 0.3, 0.5, 0.7
LOW, HIGH = 100, 200  # Canny's thresholds; the paper names none, these are the package's


def issm(pair: MeasuredPair) -> float | None:
    """Return (R H (A + B) + e) / (A R H + B H + C SSIM + e); None below SSIM's 11x11 window.

    H is the entropy in bits of the joint histogram of the two luminances on 256 levels, R the
    correlation of their Canny edges: 1 for equal edge maps (also two empty ones), 0 if one is
    empty. A = 0.3, B = 0.5, C = 0.7. Identical pictures have no fixed value, it depends on H.
    Source: Aljanabi et al. (2018), doi:10.1155/2018/9801308.
    """
    similarity = pair.feature(ssim)
    if similarity is None:
        return None
    luminances = pair.reference.feature(byte_luminance), pair.estimate.feature(byte_luminance)
    entropy = kernels.sums.joint_entropy(*luminances)
    edges = _correlation(pair.reference.feature(_edges), pair.estimate.feature(_edges))
    above = edges * entropy * (A + B) + math.e
    return above / (A * edges * entropy + B * entropy + C * similarity + math.e)


def package_issm(pair: MeasuredPair) -> float | None:
    """Return 0.0 for every pair of 8-bit pictures; None below 7x7 pixels, where the package raises.

    The package scales pixels to 0..15 before Canny, whose thresholds are then out of reach: no
    edges, a correlation of nan, and nan is returned as 0.
    """
    return None if pair.feature(package_ssim) is None else 0.0


def _edges(picture: MeasuredPicture) -> np.ndarray:
    return kernels.edges.canny(picture.feature(byte_luminance), LOW, HIGH)


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Return Pearson's correlation of two boolean maps, from their counts: 1 if both are equal, 0 if one is empty."""
    n, a, b = x.size, int(np.count_nonzero(x)), int(np.count_nonzero(y))
    both = int(np.count_nonzero(x & y))
    if a == b == both:
        return 1.0
    spread = a * (n - a) * b * (n - b)
    return (n * both - a * b) / math.sqrt(spread) if spread else 0.0


METRIC = Metric(
    name="issm",
    title="ISSM",
    unit="1",
    higher_is_better=True,
    low=-math.inf,
    high=math.inf,
    ideal=None,
    source="Aljanabi et al. (2018), doi:10.1155/2018/9801308",
    definitions={"paper": issm, "package": package_issm},
    undefined="the picture is smaller than SSIM's window, 11x11 (paper) or 7x7 (package)",
    smallest=WINDOW,
    version=2,
)
