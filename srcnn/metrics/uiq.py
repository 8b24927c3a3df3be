"""UIQ: the universal image quality index, SSIM's ancestor: correlation, luminance and contrast."""

import numpy as np

from srcnn.metrics.metric import Metric
from srcnn.metrics.picture import MeasuredPair, MeasuredPicture, byte_planes, planes

WINDOW = 8


def uiq(pair: MeasuredPair) -> float | None:
    """Mean quality index over 8x8 windows at every pixel, and over bands, in [-1, 1]; None below 8x8.

    Where both windows are flat only their levels are compared, 2 xy / (x^2 + y^2), and two black
    ones are equal: the rule of the paper's authors.
    Source: Wang & Bovik (2002), doi:10.1109/97.995823.
    """
    from srcnn.metrics.kernels.window import float_uiq

    if min(pair.reference.shape) < WINDOW:
        return None
    x, y = pair.reference.feature(planes), pair.estimate.feature(planes)
    if x.dtype == np.uint8:
        return _byte_uiq(pair, flat_counts=1.0)
    return float(np.mean([float_uiq(a, b) for a, b in zip(x, y, strict=True)]))


def package_uiq(pair: MeasuredPair) -> float | None:
    """The same of 8-bit pictures, but flat windows count 0: identical flat pictures are worst.

    None below 8x8 pixels, where the package raises.
    """
    return None if min(pair.reference.shape) < WINDOW else _byte_uiq(pair, flat_counts=0.0)


def _byte_uiq(pair: MeasuredPair, flat_counts: float) -> float:
    from srcnn.metrics.kernels.window import byte_box_products

    bands = zip(
        pair.reference.feature(byte_planes),
        pair.estimate.feature(byte_planes),
        pair.reference.feature(_box_moments),
        strict=True,
    )
    return float(np.mean([byte_box_products(x, y, WINDOW, moments, flat_counts, 0.0) for x, y, moments in bands]))


def _box_moments(picture: MeasuredPicture) -> list[np.ndarray]:
    from srcnn.metrics.kernels.window import byte_box_moments

    return [byte_box_moments(band, WINDOW) for band in picture.feature(byte_planes)]


METRIC = Metric(
    name="uiq",
    title="UIQ",
    unit="1",
    higher_is_better=True,
    low=-1.0,
    high=1.0,
    ideal=1.0,
    source="Wang & Bovik (2002), doi:10.1109/97.995823",
    definitions={"paper": uiq, "package": package_uiq},
    undefined="the picture is smaller than the 8x8 window",
    version=2,
)
