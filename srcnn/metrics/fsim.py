"""FSIM: feature similarity, of phase congruency (where edges are) and of gradients (how strong)."""

import numpy as np

from srcnn.metrics import kernels
from srcnn.metrics.metric import Metric
from srcnn.metrics.picture import MeasuredPair, MeasuredPicture, byte_planes, identical, luminance

SHORT_SIDE = 256  # pictures are averaged down to about this, as seen from afar


def fsim(pair: MeasuredPair) -> float | None:
    """Return the sum of S_PC S_G PC_m over that of PC_m, of the luminances, in [0, 1]; None if both have no feature.

    PC is phase congruency, S_PC and S_G are the similarities of PC and of gradients, PC_m is the larger PC of both.
    Pictures are first averaged over blocks of round(short side / 256) pixels; left-over pixels are
    dropped. 4 scales x 4 orientations, Scharr's gradient over 16, T1 = 0.85, T2 = 160.
    Source: Zhang et al. (2011), doi:10.1109/TIP.2011.2109730.
    """
    if pair.feature(identical):
        return 1.0
    if min(pair.reference.shape) < 2:
        return None
    return _similarity([pair.reference.feature(_features)], [pair.estimate.feature(_features)])


def package_fsim(pair: MeasuredPair) -> float | None:
    """Return the mean over bands of 8-bit pictures, of 6 orientations, and gradients cut and wrapped to 16 bits.

    None stands where a band is flat: the package divides 0 by 0.
    """
    if min(pair.reference.shape) < 2:
        return None
    return _similarity(pair.reference.feature(_package_features), pair.estimate.feature(_package_features))


def block_size(height: int, width: int) -> int:
    """Return the side of the blocks over which a picture of this size is averaged first; 1 for none."""
    return max(1, int(min(height, width) / SHORT_SIDE + 0.5))


Maps = tuple[np.ndarray, np.ndarray]


def _similarity(reference: list[Maps], estimate: list[Maps]) -> float | None:
    values = []
    for (congruency_x, gradient_x), (congruency_y, gradient_y) in zip(reference, estimate, strict=True):
        total, weights = kernels.phase.similarity_sums(
            congruency_x.ravel(), congruency_y.ravel(), gradient_x.ravel(), gradient_y.ravel()
        )
        values.append(total / weights if weights else np.nan)
    return float(np.mean(values))


def _features(picture: MeasuredPicture) -> Maps:
    block = block_size(*picture.shape)
    grey = picture.feature(luminance)
    grey = kernels.phase.block_means(grey, block) if block > 1 else grey
    return kernels.phase.paper_congruency(grey), kernels.phase.scharr(grey)


def _package_features(picture: MeasuredPicture) -> list[Maps]:
    return [
        (kernels.phase.package_congruency(band.astype(np.float32)), kernels.phase.wrapped_scharr(band))
        for band in picture.feature(byte_planes)
    ]


METRIC = Metric(
    name="fsim",
    title="FSIM",
    unit="1",
    higher_is_better=True,
    low=0.0,
    high=1.0,
    ideal=1.0,
    source="Zhang et al. (2011), doi:10.1109/TIP.2011.2109730",
    definitions={"paper": fsim, "package": package_fsim},
    undefined="the pictures are one pixel wide or flat, so there are no features to compare",
    smallest=2,
    version=2,
)
