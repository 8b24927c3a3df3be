"""MDSI: how unevenly the gradients and the colours of two pictures differ."""

import numpy as np

from srcnn.metrics import kernels
from srcnn.metrics.fsim import block_size
from srcnn.metrics.metric import Metric
from srcnn.metrics.picture import MeasuredPair, MeasuredPicture, identical, planes

C1, C2, C3 = 140.0, 55.0, 550.0  # Nafchi et al. (2016), section III
ALPHA = 0.6
LHM = ((0.2989, 0.5870, 0.1140), (0.30, 0.04, -0.35), (0.34, -0.60, 0.17))  # lightness, two opponent colours
SMALLEST = 3  # pixels a side, those of the gradients' operator


def mdsi(pair: MeasuredPair) -> float | None:
    """Return (mean of |z - mean of z|)^(1/4) of z = GCS^(1/4), 0 for identical pictures; None below 3x3 pixels.

    GCS = 0.6 GS + 0.4 CS. GS is the similarity of the gradients by Prewitt's operator of the lightness of reference
    and estimate, plus that of the estimate and the mean of both, less that of the reference and the mean of both; CS
    that of two opponent colours. z is complex where GCS is negative. Pictures are first averaged over blocks of
    round(short side / 256) pixels; zeros lie beyond the border. What has not three bands has its mean in each.
    Source: Nafchi et al. (2016), doi:10.1109/ACCESS.2016.2604042.
    """
    if min(pair.reference.shape) < SMALLEST:
        return None
    if pair.feature(identical):
        return 0.0
    x, y = pair.reference.feature(_features), pair.estimate.feature(_features)
    return float(kernels.prewitt.combined_deviation(x, y, C1, C2, C3, ALPHA) ** 0.25)


def _features(picture: MeasuredPicture) -> np.ndarray:
    """Return the gradients G_x and G_y of the lightness, and the colours H and M (4, H, W)."""
    bands, block = picture.feature(planes), block_size(*picture.shape)
    if len(bands) != 3:
        bands = np.broadcast_to(bands.mean(axis=0, dtype=np.float64), (3, *bands.shape[1:]))
    if block > 1:
        bands = np.stack([kernels.reduced.subsampled(band, block) for band in bands])
    scale = 255.0 / picture.data_range
    lightness, h, m = (kernels.reduced.weighted(bands, *(scale * weight for weight in row)) for row in LHM)
    return np.concatenate([kernels.prewitt.gradients(lightness), h[None], m[None]])


METRIC = Metric(
    name="mdsi",
    title="MDSI",
    unit="1",
    higher_is_better=False,
    low=0.0,
    high=1.0,
    ideal=0.0,
    source="Nafchi et al. (2016), doi:10.1109/ACCESS.2016.2604042",
    definitions={"paper": mdsi},
    symmetric=False,
    undefined="the picture is smaller than 3x3",
    smallest=SMALLEST,
)
