"""SAM: the angle between the colours of two pictures, blind to brightness."""

import numpy as np

from srcnn.metrics.metric import Array, Metric, package_function


def sam(reference: Array, estimate: Array, data_range: float) -> float | None:
    """Mean angle in degrees between the pixels' band vectors; None if every pixel is masked.

    A pixel that is black in either picture has no direction and is masked.
    Source: Yuhas, Goetz & Boardman (1992), JPL Publication 92-14, pages 147-149.
    """
    x = np.atleast_3d(reference).astype(np.float64)
    y = np.atleast_3d(estimate).astype(np.float64)
    norm_x, norm_y = np.linalg.norm(x, axis=2), np.linalg.norm(y, axis=2)
    seen = (norm_x > 0) & (norm_y > 0)
    if not seen.any():
        return None
    x, y = x[seen] / norm_x[seen][:, None], y[seen] / norm_y[seen][:, None]
    # Kahan's angle: arccos loses half of the digits near 0, where good restorations lie.
    angle = 2.0 * np.arctan2(np.linalg.norm(x - y, axis=1), np.linalg.norm(x + y, axis=1))
    return float(np.rad2deg(angle).mean())


METRIC = Metric(
    name="sam",
    title="SAM",
    unit="degrees",
    higher_is_better=False,
    low=0.0,
    high=180.0,
    ideal=0.0,
    source="Yuhas, Goetz & Boardman (1992), JPL Publication 92-14",
    definitions={"paper": sam, "package": package_function("sam")},
)
