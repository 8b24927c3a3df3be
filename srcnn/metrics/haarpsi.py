"""HaarPSI: similarity of Haar wavelet coefficients, weighted by where the coarse ones are large."""

import math

import numpy as np

from srcnn.metrics import kernels
from srcnn.metrics.metric import Metric
from srcnn.metrics.picture import MeasuredPair, MeasuredPicture, identical, on_bytes_scale, planes

C, ALPHA = 30.0, 4.2  # Reisenhofer et al. (2018), section 3
YIQ = ((0.299, 0.587, 0.114), (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))  # as the authors round it


def haarpsi(pair: MeasuredPair) -> float | None:
    """Return HaarPSI in [0, 1], 1 for identical pictures; None if both are black.

    (l^-1(sum of l(S) w / sum of w))^2 with the logistic function l(S) = 1 / (1 + exp(-4.2 S)). S is the mean of the
    similarities (2 a b + 30) / (a^2 + b^2 + 30) of the coefficients of two scales, w the larger coefficient of the
    third, for rows and columns of Y, and with their mean for w, for the 2x2 means of I and Q. Pictures are first
    averaged over 2x2 pixels and have half of the pixels. What has not three bands is compared by its mean alone.
    Source: Reisenhofer et al. (2018), doi:10.1016/j.image.2017.11.001.
    """
    if pair.feature(identical):
        return 1.0
    (grey_x, colour_x), (grey_y, colour_y) = pair.reference.feature(_features), pair.estimate.feature(_features)
    similarities, weights = maps = np.empty((2, 2 + (colour_x is not None), *grey_x.shape[2:]))
    kernels.haar.grey_similarity(grey_x, grey_y, C, maps)
    if colour_x is not None:
        kernels.haar.colour_similarity(colour_x, colour_y, C, similarities[2])
        np.add(weights[0], weights[1], out=weights[2])
        weights[2] *= 0.5
    total, whole = kernels.haar.pooled(similarities.ravel(), weights.ravel(), ALPHA)
    if not whole:
        return None
    mean = total / whole
    return float((math.log(mean / (1.0 - mean)) / ALPHA) ** 2)


def _features(picture: MeasuredPicture) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the coefficients of Y, and the magnitudes of I and Q, or None without colour."""
    bands = picture.feature(planes)
    if len(bands) != 3:
        grey = on_bytes_scale(bands, picture.data_range)
        return kernels.haar.coefficients(kernels.reduced.subsampled(grey, 2)), None
    halved = np.stack([kernels.reduced.subsampled(band, 2) for band in bands])
    scale = 255.0 / picture.data_range
    y, i, q = (kernels.reduced.weighted(halved, *(scale * weight for weight in row)) for row in YIQ)
    return kernels.haar.coefficients(y), np.stack([kernels.haar.magnitudes(i), kernels.haar.magnitudes(q)])


METRIC = Metric(
    name="haarpsi",
    title="HaarPSI",
    unit="1",
    higher_is_better=True,
    low=0.0,
    high=1.0,
    ideal=1.0,
    source="Reisenhofer et al. (2018), doi:10.1016/j.image.2017.11.001",
    definitions={"paper": haarpsi},
    undefined="both pictures are black, so there are no coefficients to compare",
)
