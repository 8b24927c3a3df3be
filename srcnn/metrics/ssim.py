"""SSIM: structural similarity of local means, variances and covariance."""

import numpy as np

from srcnn.metrics import kernels
from srcnn.metrics.metric import Metric
from srcnn.metrics.picture import MeasuredPair, MeasuredPicture, byte_planes, planes
from srcnn.metrics.psnr import PACKAGE_RANGE

WINDOW, PACKAGE_WINDOW = 11, 7  # Wang et al. (2004), section III-C: Gaussian; skimage's default: uniform
SIGMA = 1.5
K1, K2 = 0.01, 0.03


def ssim(pair: MeasuredPair) -> float | None:
    """Return the mean of SSIM over windows and bands, in [-1, 1]; None below 11x11 pixels.

    SSIM = (2 mu_x mu_y + C1) (2 sigma_xy + C2) / ((mu_x^2 + mu_y^2 + C1) (sigma_x^2 + sigma_y^2 + C2)), with
    C1 = (0.01 data_range)^2, C2 = (0.03 data_range)^2, a Gaussian window 11x11 of sigma 1.5 and population covariance;
    only windows that lie whole inside the picture count.
    Source: Wang et al. (2004), doi:10.1109/TIP.2003.819861.
    """
    if min(pair.reference.shape) < WINDOW:
        return None
    c1, c2 = constants(pair.reference.data_range)
    bands = zip(
        pair.reference.feature(planes),
        pair.estimate.feature(planes),
        pair.reference.feature(_gaussian_moments),
        strict=True,
    )
    return float(np.mean([kernels.window.gaussian_ssim(x, y, moments, c1, c2) for x, y, moments in bands]))


def package_ssim(pair: MeasuredPair) -> float | None:
    """Return SSIM of 8-bit pictures with a uniform 7x7 window, sample covariance and a range of 4095: far too high.

    None stands below 7x7 pixels, where the package raises.
    """
    if min(pair.reference.shape) < PACKAGE_WINDOW:
        return None
    c1, c2 = constants(PACKAGE_RANGE)
    bands = zip(
        pair.reference.feature(byte_planes),
        pair.estimate.feature(byte_planes),
        pair.reference.feature(_box_moments),
        strict=True,
    )
    compared = kernels.window.byte_box_products
    return float(np.mean([compared(x, y, PACKAGE_WINDOW, moments, c1, c2) for x, y, moments in bands]))


def constants(data_range: float) -> tuple[float, float]:
    """Return C1 and C2."""
    return (K1 * data_range) ** 2, (K2 * data_range) ** 2


def _gaussian_moments(picture: MeasuredPicture) -> list[np.ndarray]:
    return [kernels.window.gaussian_moments(band) for band in picture.feature(planes)]


def _box_moments(picture: MeasuredPicture) -> list[np.ndarray]:
    return [kernels.window.byte_box_moments(band, PACKAGE_WINDOW) for band in picture.feature(byte_planes)]


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
    smallest=WINDOW,
    version=2,
)
