"""SRE: signal to reconstruction error ratio, an error relative to the mean intensity."""

import math

import numpy as np

from srcnn.metrics.metric import Array, Metric, package_function
from srcnn.metrics.rmse import mean_squared_error


def sre(reference: Array, estimate: Array, data_range: float) -> float | None:
    """Mean over bands of 10 log10(mean(reference)^2 / MSE) in dB; infinite for identical pictures.

    A band restored without error is infinitely good and makes the mean infinite; a black
    reference band with an error has no signal to relate to, and the result is None.
    Source: Lanaras et al. (2018), doi:10.1016/j.isprsjprs.2018.09.018, equation 7.
    """
    bands = np.atleast_3d(reference), np.atleast_3d(estimate)
    values = []
    for band in range(bands[0].shape[2]):
        signal = float(bands[0][..., band].astype(np.float64).mean()) ** 2
        error = mean_squared_error(bands[0][..., band], bands[1][..., band])
        if error and not signal:
            return None
        values.append(10.0 * math.log10(signal / error) if error else math.inf)
    return float(np.mean(values))


METRIC = Metric(
    name="sre",
    title="SRE",
    unit="dB",
    higher_is_better=True,
    low=-math.inf,
    high=math.inf,
    ideal=math.inf,
    source="Lanaras et al. (2018), doi:10.1016/j.isprsjprs.2018.09.018",
    definitions={"paper": sre, "package": package_function("sre")},
)
