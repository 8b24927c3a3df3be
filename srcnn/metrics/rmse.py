"""RMSE: the root of the mean squared error, as a fraction of the data range."""

import numpy as np

from srcnn.metrics.metric import Array, Metric, package_function


def mean_squared_error(reference: Array, estimate: Array) -> float:
    """Mean of the squared differences over all pixels and bands, computed in float64."""
    difference = reference.astype(np.float64) - estimate.astype(np.float64)
    return float(np.mean(difference**2))


def rmse(reference: Array, estimate: Array, data_range: float) -> float:
    """Root mean squared error over all pixels and bands, in [0, 1] of ``data_range``."""
    return mean_squared_error(reference, estimate) ** 0.5 / data_range


METRIC = Metric(
    name="rmse",
    title="RMSE",
    unit="1",
    higher_is_better=False,
    low=0.0,
    high=1.0,
    ideal=0.0,
    source="root mean squared error over the data range",
    definitions={"paper": rmse, "package": package_function("rmse")},
)
