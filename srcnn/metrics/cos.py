"""COS: the cosine between two pictures seen as long vectors."""

import math

from srcnn.metrics import kernels
from srcnn.metrics.metric import Metric
from srcnn.metrics.picture import MeasuredPair, MeasuredPicture, band_sums, byte_pair_sums, byte_planes, pair_sums


def cos(pair: MeasuredPair) -> float | None:
    """Return <x, y> / (|x| |y|) of the raveled pictures in float64, in [-1, 1]; None if either is all black."""
    norms = math.sqrt(pair.reference.feature(_energy)) * math.sqrt(pair.estimate.feature(_energy))
    if not norms:
        return None
    if not pair.feature(pair_sums)[:, 0].any():
        return 1.0
    return max(-1.0, min(1.0, float(pair.feature(pair_sums)[:, 1].sum()) / norms))


def wrapping_cos(pair: MeasuredPair) -> float | None:
    """Return (<x, y> mod 256) / (|x| |y|) of 8-bit pictures, the report's formula, whose product wraps: about 1e-8."""
    norms = math.sqrt(pair.reference.feature(_byte_energy)) * math.sqrt(pair.estimate.feature(_byte_energy))
    return (int(pair.feature(byte_pair_sums)[:, 1].sum()) % 256) / norms if norms else None


def _energy(picture: MeasuredPicture) -> float:
    return float(picture.feature(band_sums)[:, 1].sum())


def _byte_energy(picture: MeasuredPicture) -> float:
    return float(kernels.sums.band_sums(picture.feature(byte_planes))[:, 1].sum())


METRIC = Metric(
    name="cos",
    title="COS",
    unit="1",
    higher_is_better=True,
    low=-1.0,
    high=1.0,
    ideal=1.0,
    source="cosine similarity of the raveled pictures",
    definitions={"paper": cos, "package": wrapping_cos},
    undefined="one of the pictures is all black",
    version=2,
)
