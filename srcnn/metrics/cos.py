"""COS: the cosine between two pictures seen as long vectors."""

import numpy as np

from srcnn.metrics.metric import Array, Metric


def cos(reference: Array, estimate: Array, data_range: float) -> float | None:
    """Cosine of the raveled pictures in float64, in [-1, 1]; None if either is all black."""
    x, y = reference.ravel().astype(np.float64), estimate.ravel().astype(np.float64)
    norms = float(np.sqrt((x @ x) * (y @ y)))
    return min(1.0, float(x @ y) / norms) if norms else None


def wrapping_cos(reference: Array, estimate: Array, data_range: float) -> float | None:
    """The report's own formula: on 8-bit pictures its dot product wraps at 256, giving about 1e-8."""
    x, y = reference.ravel(), estimate.ravel()
    norms = float(np.linalg.norm(x) * np.linalg.norm(y))
    return float(np.dot(x, y)) / norms if norms else None


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
)
