"""What a metric costs: the time of one comparison on one core."""

import time

from srcnn.metrics import Definition, score
from srcnn.metrics.picture import Array

TIMED_S = 0.02  # a metric is not called again once its calls took this long
SLOW_S = 5.0  # a first call this long is the metric itself, not the loading of what it needs, and is not repeated


def seconds(
    reference: Array, estimate: Array, metric: str, definition: Definition, data_range: float | None = None
) -> float:
    """Return the best time of a few calls of ``score`` after the first, which loads kernels; the first if very long."""

    def call() -> float:
        start = time.perf_counter()
        score(reference, estimate, [metric], definition, data_range)
        return time.perf_counter() - start

    first = call()
    if first > SLOW_S:
        return first
    times = [call()]
    while sum(times) < TIMED_S and len(times) < 5:
        times.append(call())
    return min(times)
