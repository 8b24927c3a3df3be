"""Gradients by Prewitt's operator, and how unevenly they differ between two pictures: the last steps of GMSD and MDSI.

Sources: Xue et al. (2014), doi:10.1109/TIP.2013.2293423; Nafchi et al. (2016), doi:10.1109/ACCESS.2016.2604042.
Everything is float64: a deviation is small where pictures are alike, and MDSI takes its fourth root.
"""

import numpy as np

from srcnn.metrics.kernels.compiled import inlined, summing

_DIAGONAL = np.sqrt(0.5)


@summing
def gradients(picture):
    """Return G_x and G_y (2, H, W) of a picture (H, W): G_x = (1 0 -1; 1 0 -1; 1 0 -1) / 3, G_y its transpose.

    Zeros lie beyond the border.
    """
    height, width = picture.shape
    around = np.zeros((3, width + 2))
    out = np.empty((2, height, width))
    third = 1.0 / 3.0
    for r in range(height):
        for k in range(3):
            if 0 <= r + k - 1 < height:
                around[k, 1 : width + 1] = picture[r + k - 1]
            else:
                around[k, 1 : width + 1] = 0.0
        above, line, below = around[0], around[1], around[2]
        x, y = out[0, r], out[1, r]
        for c in range(width):
            x[c] = third * ((above[c] - above[c + 2]) + (line[c] - line[c + 2]) + (below[c] - below[c + 2]))
        for c in range(width):
            y[c] = third * ((above[c] - below[c]) + (above[c + 1] - below[c + 1]) + (above[c + 2] - below[c + 2]))
    return out


@summing
def similarity_deviation(x, y, c):
    """Return the sample's standard deviation of GMS = (2 g_x g_y + c) / (g_x^2 + g_y^2 + c), of two ``gradients``.

    g is the magnitude of a gradient. The deviation is that of 1 - GMS = (g_x - g_y)^2 / (g_x^2 + g_y^2 + c), which
    is exactly 0 where both are equal.
    """
    _, height, width = x.shape
    total, squares = 0.0, 0.0
    for r in range(height):
        for i in range(width):
            p = x[0, r, i] * x[0, r, i] + x[1, r, i] * x[1, r, i]
            q = y[0, r, i] * y[0, r, i] + y[1, r, i] * y[1, r, i]
            apart = np.sqrt(p) - np.sqrt(q)
            unlike = apart * apart / (p + q + c)
            total += unlike
            squares += unlike * unlike
    n = height * width
    return np.sqrt(max(0.0, squares - total * total / n) / (n - 1))


@inlined
def _alike(p, q, c):
    """Return (2 sqrt(p q) + c) / (p + q + c) of two squared magnitudes."""
    return (2.0 * np.sqrt(p * q) + c) / (p + q + c)


@summing
def combined_deviation(reference, estimate, c1, c2, c3, alpha):
    """Return the mean of |z - mean of z| of z = GCS^(1/4), which is complex where GCS < 0.

    GCS = alpha (GS_RD + GS_DF - GS_RF) + (1 - alpha) CS: GS are similarities of the gradients of the lightness of
    the reference R, the estimate D and their mean F, with C1 for GS_RD and C2 for the others; CS is the similarity of
    the chromaticities H and M, with C3. A picture is its G_x, G_y, H and M (4, H, W).
    """
    _, height, width = reference.shape
    real, imaginary = np.empty((height, width)), np.empty((height, width))
    total, total_imaginary = 0.0, 0.0
    for r in range(height):
        for i in range(width):
            ax, ay, ah, am = reference[0, r, i], reference[1, r, i], reference[2, r, i], reference[3, r, i]
            bx, by, bh, bm = estimate[0, r, i], estimate[1, r, i], estimate[2, r, i], estimate[3, r, i]
            fx, fy = 0.5 * (ax + bx), 0.5 * (ay + by)
            a, b, f = ax * ax + ay * ay, bx * bx + by * by, fx * fx + fy * fy
            gradient = _alike(a, b, c1) + _alike(b, f, c2) - _alike(a, f, c2)
            colour = (2.0 * (ah * bh + am * bm) + c3) / (ah * ah + bh * bh + am * am + bm * bm + c3)
            value = alpha * gradient + (1.0 - alpha) * colour
            root = np.sqrt(np.sqrt(abs(value)))
            real[r, i] = root * (_DIAGONAL if value < 0.0 else 1.0)
            imaginary[r, i] = root * (_DIAGONAL if value < 0.0 else 0.0)
            total += real[r, i]
            total_imaginary += imaginary[r, i]
    n = height * width
    mean, mean_imaginary = total / n, total_imaginary / n
    deviation = 0.0
    for r in range(height):
        for i in range(width):
            u, v = real[r, i] - mean, imaginary[r, i] - mean_imaginary
            deviation += np.sqrt(u * u + v * v)
    return deviation / n
