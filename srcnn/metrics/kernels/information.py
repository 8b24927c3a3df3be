"""VIFp's parts: what an estimate tells of its reference, and what the reference holds, through a noisy eye.

Source: Sheikh & Bovik (2006), doi:10.1109/TIP.2005.859378, in the pixel domain as in their own program. Float64.
"""

import math

import numpy as np

from srcnn.metrics.kernels.compiled import jit, summing

_TOGETHER = 8  # factors of at most 2^100 whose product is taken before its logarithm, which is slow
_TINY = 1e-10  # a variance below it counts as none


@summing
def filtered(picture, taps):
    """Return sum over k, l of w_k w_l x_(r + k)(c + l) of a float64 picture (H, W), as (H - N + 1, W - N + 1).

    ``taps`` are the N weights w, N odd, the same from both ends.
    """
    height, width = picture.shape
    n, middle = taps.size, taps.size // 2
    line = np.empty(width)
    out = np.empty((height - n + 1, width - n + 1))
    for r in range(height - n + 1):
        for c in range(width):
            line[c] = taps[middle] * picture[r + middle, c]
        for k in range(middle):
            above, below = picture[r + k], picture[r + n - 1 - k]
            for c in range(width):
                line[c] += taps[k] * (above[c] + below[c])
        row = out[r]
        for c in range(row.size):
            row[c] = taps[middle] * line[c + middle]
        for k in range(middle):
            for c in range(row.size):
                row[c] += taps[k] * (line[c + k] + line[c + n - 1 - k])
    return out


@jit
def held_information(variances, noise):
    """Return the sum of ln(1 + sigma_x^2 / sigma_n^2) over windows; ``variances`` sigma_x^2 are (H, W)."""
    total, product, n = 0.0, 1.0, 0
    for variance in variances.ravel():
        product *= 1.0 + (variance if variance >= _TINY else 0.0) / noise
        n += 1
        if n == _TOGETHER:
            total += math.log(product)
            product, n = 1.0, 0
    return total + math.log(product)


@jit
def told_information(variances_x, variances_y, covariances, noise):
    """Return the sum of ln(1 + g^2 sigma_x^2 / (sigma_v^2 + sigma_n^2)) over windows; all are (H, W).

    The estimate is g times the reference plus noise: g = sigma_xy / sigma_x^2, sigma_v^2 = sigma_y^2 - g sigma_xy.
    Where either is flat, or g is negative, the estimate is all noise.
    """
    total, product, n = 0.0, 1.0, 0
    x, y, xy = variances_x.ravel(), variances_y.ravel(), covariances.ravel()
    for i in range(x.size):
        gain = xy[i] / (x[i] + _TINY)
        left = max(y[i] - gain * xy[i], _TINY)
        told = gain * gain * x[i] / (left + noise)
        product *= 1.0 + (told if x[i] >= _TINY and y[i] >= _TINY and gain > 0.0 else 0.0)
        n += 1
        if n == _TOGETHER:
            total += math.log(product)
            product, n = 1.0, 0
    return total + math.log(product)
