"""GMSD: how unevenly the gradients of two pictures differ."""

import numpy as np

from srcnn.metrics import kernels
from srcnn.metrics.metric import Metric
from srcnn.metrics.picture import MeasuredPair, MeasuredPicture, grey

C = 170.0  # Xue et al. (2014), section III-B
SMALLEST = 3  # pixels a side: below it only one value is left, which deviates from nothing


def gmsd(pair: MeasuredPair) -> float | None:
    """Return the standard deviation of the gradients' similarity, 0 for identical pictures; None below 3x3 pixels.

    GMS = (2 g_x g_y + 170) / (g_x^2 + g_y^2 + 170), of the magnitudes g of Prewitt's gradients of the luminances,
    which are first averaged over 2x2 pixels and have half of the pixels. Zeros lie beyond the border.
    Source: Xue et al. (2014), doi:10.1109/TIP.2013.2293423.
    """
    if min(pair.reference.shape) < SMALLEST:
        return None
    x, y = pair.reference.feature(_gradients), pair.estimate.feature(_gradients)
    return float(kernels.prewitt.similarity_deviation(x, y, C))


def _gradients(picture: MeasuredPicture) -> np.ndarray:
    halved = kernels.reduced.subsampled(picture.feature(grey), 2)
    gradients: np.ndarray = kernels.prewitt.gradients(halved)
    return gradients


METRIC = Metric(
    name="gmsd",
    title="GMSD",
    unit="1",
    higher_is_better=False,
    low=0.0,
    high=1.0,
    ideal=0.0,
    source="Xue et al. (2014), doi:10.1109/TIP.2013.2293423",
    definitions={"paper": gmsd},
    undefined="the picture is smaller than 3x3",
    smallest=SMALLEST,
)
