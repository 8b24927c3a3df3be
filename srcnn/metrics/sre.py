"""SRE: signal to reconstruction error ratio, an error relative to the mean intensity."""

import math

import numpy as np

from srcnn.metrics.metric import Metric
from srcnn.metrics.picture import MeasuredPair, MeasuredPicture, band_sums, byte_pair_sums, byte_planes, pair_sums


def sre(pair: MeasuredPair) -> float | None:
    """Return the mean over bands of 10 log10(mean(reference)^2 / MSE) in dB; infinite for identical pictures.

    A band restored without error is infinitely good and makes the mean infinite; a black
    reference band with an error has no signal to relate to, and the result is None.
    Source: Lanaras et al. (2018), doi:10.1016/j.isprsjprs.2018.09.018, equation 7.
    """
    signals = (pair.reference.feature(band_sums)[:, 0] / pair.count) ** 2
    errors = pair.feature(pair_sums)[:, 0] / pair.count
    if ((errors > 0) & (signals == 0)).any():
        return None
    if (errors == 0).any():
        return math.inf
    return float(np.mean(10.0 * np.log10(signals / errors)))


def package_sre(pair: MeasuredPair) -> float | None:
    """Return 10 log10 of the mean over bands of mean^2 / (norm of the error / n): it grows with the picture's size."""
    signals = (pair.reference.feature(_byte_means)) ** 2
    errors = np.sqrt(pair.feature(byte_pair_sums)[:, 0]) / pair.count
    if ((errors == 0) & (signals == 0)).any():
        return None
    if (errors == 0).any():
        return math.inf
    ratio = float(np.mean(signals / errors))
    return 10.0 * math.log10(ratio) if ratio else -math.inf


def _byte_means(picture: MeasuredPicture) -> np.ndarray:
    return picture.feature(byte_planes).mean(axis=(1, 2), dtype=np.float64)


METRIC = Metric(
    name="sre",
    title="SRE",
    unit="dB",
    higher_is_better=True,
    low=-math.inf,
    high=math.inf,
    ideal=math.inf,
    source="Lanaras et al. (2018), doi:10.1016/j.isprsjprs.2018.09.018",
    definitions={"paper": sre, "package": package_sre},
    symmetric=False,
    undefined="a black band has no signal to relate its error to",
    version=2,
)
