"""VIFp: visual information fidelity in the pixel domain, the share of a picture's information in its estimate."""

import numpy as np

from srcnn.metrics import kernels
from srcnn.metrics.metric import Metric
from srcnn.metrics.picture import MeasuredPair, MeasuredPicture, grey, identical

WINDOWS = (17, 9, 5, 3)  # Gaussians of the four scales, the finest first; sigma is a fifth of the window
NOISE = 2.0  # sigma_n^2, of the eye, on 0..255
SMALLEST = 41  # pixels a side: the last window lies whole inside the coarsest scale


def vifp(pair: MeasuredPair) -> float | None:
    """Return the sum of log(1 + g^2 sigma_x^2 / (sigma_v^2 + sigma_n^2)) over that of log(1 + sigma_x^2 / sigma_n^2).

    It is 1 for identical pictures and may be above where the estimate has more contrast; None below 41 pixels a
    side or for a flat reference. The estimate is seen as g times the reference plus noise of variance sigma_v^2, in
    each Gaussian window of four scales; sigma_n^2 = 2. Each scale is blurred by its window and has half of the pixels
    of the one before. The luminance is compared.
    Source: Sheikh & Bovik (2006), doi:10.1109/TIP.2005.859378; the authors' vifp_mscale.
    """
    if min(pair.reference.shape) < SMALLEST:
        return None
    if pair.feature(identical):
        return 1.0
    held = pair.reference.feature(_held)
    if not held:
        return None
    told = 0.0
    for x, y, window in zip(pair.reference.feature(_scales), pair.estimate.feature(_scales), WINDOWS, strict=True):
        (scale_x, mean_x, variance_x), (scale_y, mean_y, variance_y) = x, y
        covariance = kernels.information.filtered(scale_x * scale_y, gaussian(window)) - mean_x * mean_y
        told += kernels.information.told_information(variance_x, variance_y, covariance, NOISE)
    return told / held


def gaussian(size: int) -> np.ndarray:
    """Return the weights of a Gaussian over ``size`` pixels with a sigma of a fifth of it."""
    weights = np.exp(-0.5 * ((np.arange(size) - size // 2) / (size / 5.0)) ** 2)
    weights /= weights.sum()
    return weights


Scale = tuple[np.ndarray, np.ndarray, np.ndarray]


def _scales(picture: MeasuredPicture) -> list[Scale]:
    """Return the picture at each scale, and the means and variances of its windows."""
    scales: list[Scale] = []
    image = np.ascontiguousarray(picture.feature(grey), np.float64)
    for window in WINDOWS:
        taps = gaussian(window)
        if scales:
            image = np.ascontiguousarray(kernels.information.filtered(image, taps)[::2, ::2])
        mean = kernels.information.filtered(image, taps)
        variance = kernels.information.filtered(image * image, taps) - mean * mean
        scales.append((image, mean, np.maximum(variance, 0.0, out=variance)))
    return scales


def _held(picture: MeasuredPicture) -> float:
    variances = [variance for _, _, variance in picture.feature(_scales)]
    return float(sum(kernels.information.held_information(each, NOISE) for each in variances))


METRIC = Metric(
    name="vifp",
    title="VIFp",
    unit="1",
    higher_is_better=True,
    low=0.0,
    high=float("inf"),
    ideal=1.0,
    source="Sheikh & Bovik (2006), doi:10.1109/TIP.2005.859378",
    definitions={"paper": vifp},
    symmetric=False,
    undefined="the picture is smaller than 41x41, or the reference is flat and has no information",
    smallest=SMALLEST,
)
