"""SSIM: structural similarity of local means, variances and covariance."""

import numpy as np

from srcnn.metrics.metric import Metric
from srcnn.metrics.picture import MeasuredPair, MeasuredPicture, byte_planes, planes
from srcnn.metrics.psnr import PACKAGE_RANGE

WINDOW, PACKAGE_WINDOW = 11, 7  # Wang et al. (2004), section III-C: Gaussian, sigma 1.5; skimage's default: uniform
K1, K2 = 0.01, 0.03


def ssim(pair: MeasuredPair) -> float | None:
    """Mean structural similarity over pixels and bands, in [-1, 1]; None below 11x11 pixels.

    Gaussian window 11x11 with sigma 1.5 and population covariance; only windows that lie whole
    inside the picture count. Source: Wang et al. (2004), doi:10.1109/TIP.2003.819861.
    """
    from srcnn.metrics.kernels.window import gaussian_ssim

    if min(pair.reference.shape) < WINDOW:
        return None
    c1, c2 = _constants(pair.reference.data_range)
    bands = zip(
        pair.reference.feature(planes),
        pair.estimate.feature(planes),
        pair.reference.feature(_gaussian_moments),
        strict=True,
    )
    return float(np.mean([gaussian_ssim(x, y, moments, c1, c2) for x, y, moments in bands]))


def package_ssim(pair: MeasuredPair) -> float | None:
    """A uniform 7x7 window with sample covariance over a range of 4095, of 8-bit pictures: far too high.

    None below 7x7 pixels, where the package raises.
    """
    from srcnn.metrics.kernels.window import byte_box_products

    if min(pair.reference.shape) < PACKAGE_WINDOW:
        return None
    c1, c2 = _constants(PACKAGE_RANGE)
    bands = zip(
        pair.reference.feature(byte_planes),
        pair.estimate.feature(byte_planes),
        pair.reference.feature(_box_moments),
        strict=True,
    )
    return float(np.mean([byte_box_products(x, y, PACKAGE_WINDOW, moments, c1, c2) for x, y, moments in bands]))


def _constants(data_range: float) -> tuple[float, float]:
    return (K1 * data_range) ** 2, (K2 * data_range) ** 2


def _gaussian_moments(picture: MeasuredPicture) -> list[np.ndarray]:
    from srcnn.metrics.kernels.window import gaussian_moments

    return [gaussian_moments(band) for band in picture.feature(planes)]


def _box_moments(picture: MeasuredPicture) -> list[np.ndarray]:
    from srcnn.metrics.kernels.window import byte_box_moments

    return [byte_box_moments(band, PACKAGE_WINDOW) for band in picture.feature(byte_planes)]


METRIC = Metric(
    name="ssim",
    title="SSIM",
    unit="1",
    higher_is_better=True,
    low=-1.0,
    high=1.0,
    ideal=1.0,
    source="Wang et al. (2004), doi:10.1109/TIP.2003.819861",
    definitions={"paper": ssim, "package": package_ssim},
    undefined="the picture is smaller than the window, 11x11 (paper) or 7x7 (package)",
    version=2,
)
