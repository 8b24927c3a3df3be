"""PSNR in batches: see ``srcnn.metrics.psnr``."""

from torch import Tensor

from srcnn.metrics.batched.pictures import Pairs, mean_squared_error


def psnr(pairs: Pairs) -> Tensor:
    """Return 10 log10(data_range^2 / MSE) in dB, float64 (N); infinite for identical pictures."""
    error: Tensor = pairs.feature(mean_squared_error)
    return 10.0 * (pairs.estimates.data_range**2 / error).log10()
