"""RMSE: the root of the mean squared error, as a fraction of the data range."""

import numpy as np

from srcnn.metrics.metric import Metric
from srcnn.metrics.picture import MeasuredPair, byte_pair_sums, pair_sums
from srcnn.metrics.psnr import PACKAGE_RANGE


def rmse(pair: MeasuredPair) -> float:
    """Return sqrt(MSE) / data_range, MSE over all pixels and bands: a fraction in [0, 1]."""
    return float(np.sqrt(pair.feature(pair_sums)[:, 0].mean() / pair.count)) / pair.reference.data_range


def package_rmse(pair: MeasuredPair) -> float:
    """Return the mean of the bands' sqrt(MSE) / 4095 of 8-bit pictures: about 1/16 of the true value."""
    return float(np.sqrt(pair.feature(byte_pair_sums)[:, 0] / pair.count).mean()) / PACKAGE_RANGE


METRIC = Metric(
    name="rmse",
    title="RMSE",
    unit="1",
    higher_is_better=False,
    low=0.0,
    high=1.0,
    ideal=0.0,
    source="root mean squared error over the data range",
    definitions={"paper": rmse, "package": package_rmse},
    version=2,
)
