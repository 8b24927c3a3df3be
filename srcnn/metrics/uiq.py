"""UIQ: the universal image quality index, SSIM's ancestor: correlation, luminance and contrast."""

import numpy as np

from srcnn.metrics import kernels
from srcnn.metrics.metric import Metric
from srcnn.metrics.picture import MeasuredPair, MeasuredPicture, byte_planes, planes

WINDOW = 8


def uiq(pair: MeasuredPair) -> float | None:
    """Return the mean of Q over 8x8 windows at every pixel, and over bands, in [-1, 1]; None below 8x8 pixels.

    Q = 4 sigma_xy mu_x mu_y / ((sigma_x^2 + sigma_y^2) (mu_x^2 + mu_y^2)). Where both windows are flat only
    their levels are compared, 2 mu_x mu_y / (mu_x^2 + mu_y^2), and two black ones are equal: the rule of the
    paper's authors.
    Source: Wang & Bovik (2002), doi:10.1109/97.995823.
    """
    if min(pair.reference.shape) < WINDOW:
        return None
    x, y = pair.reference.feature(planes), pair.estimate.feature(planes)
    if x.dtype == np.uint8:
        return _byte_uiq(pair, flat_counts=1.0)
    return float(np.mean([kernels.window.float_uiq(a, b) for a, b in zip(x, y, strict=True)]))


def package_uiq(pair: MeasuredPair) -> float | None:
    """Return UIQ of 8-bit pictures in which flat windows count 0: identical flat pictures are worst.

    None stands below 8x8 pixels, where the package raises.
    """
    return None if min(pair.reference.shape) < WINDOW else _byte_uiq(pair, flat_counts=0.0)


def _byte_uiq(pair: MeasuredPair, flat_counts: float) -> float:
    bands = zip(
        pair.reference.feature(byte_planes),
        pair.estimate.feature(byte_planes),
        pair.reference.feature(_box_moments),
        strict=True,
    )
    compared = kernels.window.byte_box_products
    return float(np.mean([compared(x, y, WINDOW, moments, flat_counts, 0.0) for x, y, moments in bands]))


def _box_moments(picture: MeasuredPicture) -> list[np.ndarray]:
    return [kernels.window.byte_box_moments(band, WINDOW) for band in picture.feature(byte_planes)]


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
    smallest=WINDOW,
    version=2,
)
