"""SSIM: structural similarity of local means, variances and covariance."""

import numpy as np
from scipy.ndimage import gaussian_filter

from srcnn.metrics.metric import Array, Metric, package_function

SIGMA, RADIUS = 1.5, 5  # Wang et al. (2004), section III-C: 11x11 window
K1, K2 = 0.01, 0.03


def ssim(reference: Array, estimate: Array, data_range: float) -> float | None:
    """Mean structural similarity over pixels and bands, in [-1, 1]; None below 11x11 pixels.

    Gaussian window 11x11 with sigma 1.5 and population covariance; only windows that lie whole
    inside the picture count. Source: Wang et al. (2004), doi:10.1109/TIP.2003.819861.
    """
    if min(reference.shape[:2]) < 2 * RADIUS + 1:
        return None
    if reference.ndim == 2:
        return _ssim_band(reference, estimate, data_range)
    bands = (_ssim_band(reference[..., c], estimate[..., c], data_range) for c in range(reference.shape[2]))
    return float(np.mean(list(bands)))


def _ssim_band(reference: Array, estimate: Array, data_range: float) -> float:
    x, y = reference.astype(np.float64), estimate.astype(np.float64)
    mean_x, mean_y = _local_mean(x), _local_mean(y)
    variance_x = _local_mean(x * x) - mean_x**2
    variance_y = _local_mean(y * y) - mean_y**2
    covariance = _local_mean(x * y) - mean_x * mean_y
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    similarity = ((2 * mean_x * mean_y + c1) * (2 * covariance + c2)) / (
        (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
    )
    return float(np.mean(similarity))


def _local_mean(values: np.ndarray) -> np.ndarray:
    smoothed = gaussian_filter(values, SIGMA, radius=RADIUS)
    return smoothed[RADIUS:-RADIUS, RADIUS:-RADIUS]


METRIC = Metric(
    name="ssim",
    title="SSIM",
    unit="1",
    higher_is_better=True,
    low=-1.0,
    high=1.0,
    ideal=1.0,
    source="Wang et al. (2004), doi:10.1109/TIP.2003.819861",
    definitions={"paper": ssim, "package": package_function("ssim")},
)
