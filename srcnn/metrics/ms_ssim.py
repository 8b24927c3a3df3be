"""MS-SSIM: SSIM's structure and contrast at five scales, its luminance at the coarsest."""

import math

import numpy as np

from srcnn.metrics import kernels
from srcnn.metrics.metric import Metric
from srcnn.metrics.picture import Array, MeasuredPair, MeasuredPicture, grey
from srcnn.metrics.ssim import WINDOW, constants

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales, the finest first: Wang et al. (2003), section 3.2
SMALLEST = (WINDOW - 1) * 2 ** (len(WEIGHTS) - 1) + 1  # 161: the window lies whole inside the coarsest scale
NO_LUMINANCE = 1e300  # as C1 it makes SSIM's luminance 1 and leaves its contrast and structure


def ms_ssim(pair: MeasuredPair) -> float | None:
    """Return the product over scales of (contrast and structure)^weight, in [0, 1]; None below 161 pixels a side.

    The last scale counts by all of SSIM. Each scale is averaged over 2x2 pixels and has half of the pixels of the one
    before; at odd sizes the last row or column stands for the next. The luminance is compared, with SSIM's window
    and constants. A scale whose structure is opposite on the whole counts 0, where the authors' program gets a complex
    number.
    Source: Wang, Simoncelli & Bovik (2003), doi:10.1109/ACSSC.2003.1292216.
    """
    if min(pair.reference.shape) < SMALLEST:
        return None
    c1, c2 = constants(255.0)
    scales = zip(
        pair.reference.feature(_scales),
        pair.estimate.feature(_scales),
        pair.reference.feature(_moments),
        luminance_constants(c1),
        strict=True,
    )
    similar = [kernels.window.gaussian_ssim(x, y, moments, c, c2) for x, y, moments, c in scales]
    return math.prod(max(0.0, value) ** weight for value, weight in zip(similar, WEIGHTS, strict=True))


def luminance_constants(c1: float) -> tuple[float, ...]:
    """Return C1 of each scale."""
    return (*[NO_LUMINANCE] * (len(WEIGHTS) - 1), c1)


def _scales(picture: MeasuredPicture) -> list[Array]:
    scales = [picture.feature(grey)]
    while len(scales) < len(WEIGHTS):
        height, width = scales[-1].shape
        even = np.pad(scales[-1], ((0, height % 2), (0, width % 2)), "edge")
        scales.append(kernels.reduced.subsampled(even, 2))
    return scales


def _moments(picture: MeasuredPicture) -> list[np.ndarray]:
    return [kernels.window.gaussian_moments(scale) for scale in picture.feature(_scales)]


METRIC = Metric(
    name="ms_ssim",
    title="MS-SSIM",
    unit="1",
    higher_is_better=True,
    low=0.0,
    high=1.0,
    ideal=1.0,
    source="Wang, Simoncelli & Bovik (2003), doi:10.1109/ACSSC.2003.1292216",
    definitions={"paper": ms_ssim},
    undefined="the picture is smaller than 161x161, SSIM's window at the coarsest of five scales",
    smallest=SMALLEST,
)
