"""PSNR: the mean squared error on a logarithmic scale, against the largest possible signal."""

import math

from srcnn.metrics.metric import Metric
from srcnn.metrics.picture import MeasuredPair, byte_pair_sums, pair_sums

PACKAGE_RANGE = 4095.0  # image-similarity-measures takes every picture for a 12-bit one


def psnr(pair: MeasuredPair) -> float:
    """Return 10 log10(data_range^2 / MSE) in dB, MSE over all pixels and bands; infinite for identical pictures.

    Source: Huynh-Thu & Ghanbari (2008), doi:10.1049/el:20080522.
    """
    return _decibel(pair.feature(pair_sums)[:, 0].mean() / pair.count, pair.reference.data_range)


def package_psnr(pair: MeasuredPair) -> float:
    """Return PSNR of 8-bit pictures over a range of 4095: 24.114 dB too high. In float64, not float32."""
    return _decibel(pair.feature(byte_pair_sums)[:, 0].mean() / pair.count, PACKAGE_RANGE)


def _decibel(error: float, data_range: float) -> float:
    return 10.0 * math.log10(data_range**2 / error) if error else math.inf


METRIC = Metric(
    name="psnr",
    title="PSNR",
    unit="dB",
    higher_is_better=True,
    low=-math.inf,
    high=math.inf,
    ideal=math.inf,
    source="Huynh-Thu & Ghanbari (2008), doi:10.1049/el:20080522",
    definitions={"paper": psnr, "package": package_psnr},
    version=2,
)
