"""SAM: the angle between the colours of two pictures, blind to brightness."""

import math

from srcnn.metrics import kernels
from srcnn.metrics.metric import Metric
from srcnn.metrics.picture import MeasuredPair, byte_planes, identical, planes


def sam(pair: MeasuredPair) -> float | None:
    """Return the mean over pixels of arccos(<x, y> / (|x| |y|)) in degrees, x and y being band vectors.

    A pixel that is black in either picture has no direction and is masked; None if every pixel is. In one
    band every angle between positive values is 0.
    Source: Yuhas, Goetz & Boardman (1992), JPL Publication 92-14, pages 147-149.
    """
    if pair.feature(identical):
        return 0.0
    x, y = (picture.feature(planes).reshape(-1, pair.count) for picture in (pair.reference, pair.estimate))
    total, seen = kernels.angle.angle_sum(x, y)
    return math.degrees(total / seen) if seen else None


def package_sam(pair: MeasuredPair) -> float:
    """Return SAM of 8-bit products that wrap at 256: near 90 degrees even for identical pictures.

    One black pixel makes the package's mean nan, which it returns as 0.
    """
    x, y = (picture.feature(byte_planes).reshape(-1, pair.count) for picture in (pair.reference, pair.estimate))
    total, seen = kernels.angle.wrapped_angle_sum(x, y)
    return math.degrees(total / seen) if seen == pair.count else 0.0


METRIC = Metric(
    name="sam",
    title="SAM",
    unit="degrees",
    higher_is_better=False,
    low=0.0,
    high=180.0,
    ideal=0.0,
    source="Yuhas, Goetz & Boardman (1992), JPL Publication 92-14",
    definitions={"paper": sam, "package": package_sam},
    undefined="every pixel is black in one of the pictures",
    version=2,
)
