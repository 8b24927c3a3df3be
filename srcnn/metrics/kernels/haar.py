"""HaarPSI's parts: Haar wavelet coefficients, and their similarity weighted by those of the coarsest scale.

Source: Reisenhofer et al. (2018), doi:10.1016/j.image.2017.11.001. Float64; zeros lie beyond the border, and a filter
of n = 2, 4 or 8 pixels begins n / 2 - 1 before its pixel, as MATLAB's conv2(..., 'same') has it.
"""

import numpy as np

from srcnn.metrics.kernels.compiled import inlined, summing


@summing
def coefficients(picture):
    """Return |h_k * x| (2, 3, H, W) of a picture x (H, W): across rows, then across columns, of scales k = 1, 2, 3.

    h_k is 2^-k in the second half of 2^k x 2^k pixels and -2^-k in the first.
    """
    height, width = picture.shape
    out = np.empty((2, 3, height, width))
    sums, differences = np.zeros((height + 7, width + 7)), np.zeros((height + 7, width + 7))
    sums[3 : height + 3, 3 : width + 3] = picture
    for k in range(3):
        half, size = 1 << k, 2 << k
        first = 4 - half  # where the window of pixel 0 begins in what zeros surround
        # From sums of half the size; the end, where no window begins, is left.
        for r in range(height + 7):
            line, unlike = sums[r], differences[r]
            for c in range(width + 7 - half):
                unlike[c] = line[c] - line[c + half]
            for c in range(width + 7 - half):
                line[c] += line[c + half]
        scale = 1.0 / size
        for r in range(height):
            down, right = out[0, k, r], out[1, k, r]
            down[:] = 0.0
            right[:] = 0.0
            for m in range(size):
                line, unlike = sums[r + first + m], differences[r + first + m]
                sign = scale if m < half else -scale
                for c in range(width):
                    down[c] += sign * line[c + first]
                for c in range(width):
                    right[c] += scale * unlike[c + first]
            for c in range(width):
                down[c] = abs(down[c])
            for c in range(width):
                right[c] = abs(right[c])
    return out


@summing
def magnitudes(plane):
    """Return |mean of 2 x 2 pixels| (H, W) from each pixel of a plane (H, W) on."""
    height, width = plane.shape
    out = np.empty((height, width))
    line = np.zeros(width + 1)
    for r in range(height):
        for c in range(width):
            line[c] = plane[r, c] + (plane[r + 1, c] if r + 1 < height else 0.0)
        for c in range(width):
            out[r, c] = abs(0.25 * (line[c] + line[c + 1]))
    return out


@inlined
def _alike(a, b, c):
    return (2.0 * a * b + c) / (a * a + b * b + c)


@summing
def grey_similarity(x, y, c, out):
    """Write the mean S of the similarities of scales 1 and 2 to ``out[0]``, and max |h_3 * x|, |h_3 * y| to ``out[1]``.

    Both are (2 orientations, H, W), of ``coefficients`` of two pictures.
    """
    _, _, height, width = x.shape
    for o in range(2):
        for r in range(height):
            for i in range(width):
                fine = _alike(x[o, 0, r, i], y[o, 0, r, i], c)
                out[0, o, r, i] = 0.5 * (fine + _alike(x[o, 1, r, i], y[o, 1, r, i], c))
            for i in range(width):
                out[1, o, r, i] = max(x[o, 2, r, i], y[o, 2, r, i])


@summing
def colour_similarity(x, y, c, out):
    """Write the mean of the similarities of I and Q, whose ``magnitudes`` are (2, H, W), to ``out`` (H, W)."""
    _, height, width = x.shape
    for r in range(height):
        for i in range(width):
            out[r, i] = 0.5 * (_alike(x[0, r, i], y[0, r, i], c) + _alike(x[1, r, i], y[1, r, i], c))


@summing
def pooled(similarities, weights, alpha):
    """Return the sums of w / (1 + exp(-alpha S)) and of the weights w, of maps (N)."""
    total, whole = 0.0, 0.0
    for i in range(similarities.size):
        total += weights[i] / (1.0 + np.exp(-alpha * similarities[i]))
        whole += weights[i]
    return total, whole
