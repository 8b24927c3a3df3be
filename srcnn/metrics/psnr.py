"""PSNR: the mean squared error on a logarithmic scale, against the largest possible signal."""

import math

import numpy as np

from srcnn.metrics.metric import Array, Metric, package_function
from srcnn.metrics.rmse import mean_squared_error


def psnr(reference: Array, estimate: Array, data_range: float) -> float:
    """Peak signal-to-noise ratio in dB over all pixels and bands; infinite for identical pictures.

    Both pictures are (H, W) or (H, W, C) on a scale whose full span is ``data_range``.
    Source: Huynh-Thu & Ghanbari (2008), doi:10.1049/el:20080522.
    """
    error = mean_squared_error(reference, estimate)
    return math.inf if error == 0 else 10.0 * float(np.log10(data_range**2 / error))


METRIC = Metric(
    name="psnr",
    title="PSNR",
    unit="dB",
    higher_is_better=True,
    low=-math.inf,
    high=math.inf,
    ideal=math.inf,
    source="Huynh-Thu & Ghanbari (2008), doi:10.1049/el:20080522",
    definitions={"paper": psnr, "package": package_function("psnr")},
)
