"""Weighted sums of a picture's bands, and pictures averaged down as if seen from afar: both in float64."""

import numpy as np

from srcnn.metrics.kernels.compiled import jit, summing


@jit
def subsampled(picture, size):
    """Return the mean around every ``size``-th pixel of a picture (H, W), as (ceil(H / size), ceil(W / size)).

    The size x size pixels around pixel p begin at p - floor((size - 1) / 2), and zeros lie beyond the border: what
    MATLAB's conv2(picture, ones(size) / size^2, 'same') has at 1:size:end.
    """
    height, width = picture.shape
    rows, columns = -(-height // size), -(-width // size)
    before = (size - 1) // 2
    line = np.zeros(max(columns * size, before + width))
    out = np.empty((rows, columns))
    scale = 1.0 / (size * size)
    for r in range(rows):
        line[:] = 0.0
        for q in range(max(0, r * size - before), min(height, (r + 1) * size - before)):
            for c in range(width):
                line[before + c] += picture[q, c]
        for c in range(columns):
            total = 0.0
            for k in range(size):
                total += line[c * size + k]
            out[r, c] = total * scale
    return out


@summing
def weighted(planes, w0, w1, w2):
    """Return w_0 R + w_1 G + w_2 B of planes (3, H, W), as (H, W)."""
    _, height, width = planes.shape
    out = np.empty((height, width))
    for r in range(height):
        for c in range(width):
            out[r, c] = w0 * planes[0, r, c] + w1 * planes[1, r, c] + w2 * planes[2, r, c]
    return out
