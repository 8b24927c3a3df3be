"""SRE in batches: see ``srcnn.metrics.sre``."""

import torch
from torch import Tensor

from srcnn.metrics.batched.pictures import Pairs, band_sums, squared_errors


def sre(pairs: Pairs) -> Tensor:
    """Return the mean over bands of 10 log10(mean(reference)^2 / MSE) in dB, float64 (N).

    It is infinite if a band has no error, and nan if a black band of the reference has one.
    """
    signals = (pairs.both(band_sums)[0] / pairs.count).square()
    errors = pairs.feature(squared_errors) / pairs.count
    ratios = torch.where(errors == 0, torch.inf, 10.0 * (signals / errors).log10()).mean(dim=1)
    return torch.where(((errors > 0) & (signals == 0)).any(dim=1), torch.nan, ratios)
