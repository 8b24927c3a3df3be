"""RMSE in batches: see ``srcnn.metrics.rmse``."""

from torch import Tensor

from srcnn.metrics.batched.pictures import Pairs, mean_squared_error


def rmse(pairs: Pairs) -> Tensor:
    """Return sqrt(MSE) / data_range, float64 (N)."""
    error: Tensor = pairs.feature(mean_squared_error)
    return error.sqrt() / pairs.estimates.data_range
