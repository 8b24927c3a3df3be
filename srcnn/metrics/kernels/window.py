"""SSIM and UIQ from means mu, variances sigma^2 and covariances sigma_xy in sliding windows, Gaussian or box.

SSIM = (2 mu_x mu_y + C1) (2 sigma_xy + C2) / ((mu_x^2 + mu_y^2 + C1) (sigma_x^2 + sigma_y^2 + C2)), Wang et al.
(2004), doi:10.1109/TIP.2003.819861, equation 13. UIQ, called Q, is the same with C1 = C2 = 0, Wang & Bovik (2002),
doi:10.1109/97.995823. Every kernel makes one pass over the rows and keeps no more of them than it needs.
"""

import numpy as np

from srcnn.metrics.kernels.compiled import inlined, jit, summing

# --- the 11x11 Gaussian of SSIM -----------------------------------------------------------------
_TAPS = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)  # w: sigma 1.5, Wang et al. (2004), section III-C
_TAPS /= _TAPS.sum()
T0, T1, T2, T3, T4, T5 = (float(tap) for tap in _TAPS[:6])


@summing
def _blur_line(line, out):
    """Write sum over k of w_k line_(j + k), the Gaussian along a line (W), to out_j (W - 10)."""
    for j in range(out.size):
        out[j] = (
            T5 * line[j + 5]
            + T4 * (line[j + 4] + line[j + 6])
            + T3 * (line[j + 3] + line[j + 7])
            + T2 * (line[j + 2] + line[j + 8])
            + T1 * (line[j + 1] + line[j + 9])
            + T0 * (line[j] + line[j + 10])
        )


@summing
def _blur_lines(lines, r, out):
    """Write sum over k of w_k lines_(r - 10 + k), the Gaussian across a ring (11, n) of lines, to ``out`` (n)."""
    a0, a1, a2 = lines[(r + 1) % 11], lines[(r + 2) % 11], lines[(r + 3) % 11]
    a3, a4, a5 = lines[(r + 4) % 11], lines[(r + 5) % 11], lines[(r + 6) % 11]
    a6, a7, a8 = lines[(r + 7) % 11], lines[(r + 8) % 11], lines[(r + 9) % 11]
    a9, a10 = lines[(r + 10) % 11], lines[r % 11]
    for j in range(out.size):
        out[j] = (
            T5 * a5[j]
            + T4 * (a4[j] + a6[j])
            + T3 * (a3[j] + a7[j])
            + T2 * (a2[j] + a8[j])
            + T1 * (a1[j] + a9[j])
            + T0 * (a0[j] + a10[j])
        )


@jit
def gaussian_moments(plane):
    """Return the windows' sum of w x = mu and sum of w x^2 = sigma^2 + mu^2 of a plane (H, W), (2, H - 10, W - 10)."""
    height, width = plane.shape
    out = np.empty((2, height - 10, width - 10))
    ring = np.empty((2, 11, width - 10))
    line, square = np.empty(width), np.empty(width)
    for r in range(height):
        for c in range(width):
            line[c] = plane[r, c]
            square[c] = line[c] * line[c]
        _blur_line(line, ring[0, r % 11])
        _blur_line(square, ring[1, r % 11])
        if r >= 10:
            _blur_lines(ring[0], r, out[0, r - 10])
            _blur_lines(ring[1], r, out[1, r - 10])
    return out


@inlined
def _ssim_line(mean_x, square_x, mean_y, square_y, product, c1, c2):
    """Return the sum of SSIM over a line of windows, of their weighted means of x, x^2, y, y^2 and x y."""
    total = 0.0
    for j in range(mean_x.size):
        xy = mean_x[j] * mean_y[j]
        means = mean_x[j] * mean_x[j] + mean_y[j] * mean_y[j]
        total += ((2.0 * xy + c1) * (2.0 * (product[j] - xy) + c2)) / (
            (means + c1) * (square_x[j] + square_y[j] - means + c2)
        )
    return total


@summing
def gaussian_ssim(x, y, moments_x, c1, c2):
    """Return the mean of SSIM, with C1 = ``c1`` and C2 = ``c2``, over the windows of two planes (H, W), at least 11x11.

    ``moments_x`` are ``gaussian_moments`` of ``x``, so that many estimates share what is known of their reference.
    """
    height, width = x.shape
    ring = np.empty((3, 11, width - 10))
    mean_y, square_y, product = np.empty(width - 10), np.empty(width - 10), np.empty(width - 10)
    line, square, cross = np.empty(width), np.empty(width), np.empty(width)
    total = 0.0
    for r in range(height):
        for c in range(width):
            line[c] = y[r, c]
            square[c] = line[c] * line[c]
            cross[c] = line[c] * x[r, c]
        _blur_line(line, ring[0, r % 11])
        _blur_line(square, ring[1, r % 11])
        _blur_line(cross, ring[2, r % 11])
        if r >= 10:
            _blur_lines(ring[0], r, mean_y)
            _blur_lines(ring[1], r, square_y)
            _blur_lines(ring[2], r, product)
            total += _ssim_line(moments_x[0, r - 10], moments_x[1, r - 10], mean_y, square_y, product, c1, c2)
    return total / ((height - 10) * (width - 10))


# --- boxes over bytes: exact in int32, 64 * 64 * 255^2 being below 2^31 --------------------------
@jit
def _sum7(column, out):
    """Write the sums of seven neighbours of int32 sums of columns (W) to ``out`` (W - 6); unrolled."""
    for j in range(out.size):
        out[j] = np.int32(
            column[j] + column[j + 1] + column[j + 2] + column[j + 3] + column[j + 4] + column[j + 5] + column[j + 6]
        )


@jit
def _sum8(column, out):
    """Write the sums of eight neighbours of int32 sums of columns (W) to ``out`` (W - 7); unrolled."""
    for j in range(out.size):
        out[j] = np.int32(
            column[j]
            + column[j + 1]
            + column[j + 2]
            + column[j + 3]
            + column[j + 4]
            + column[j + 5]
            + column[j + 6]
            + column[j + 7]
        )


@jit
def byte_box_moments(plane, size):
    """Return S_x = n mu_x and n sum of x^2 - S_x^2 = n^2 sigma_x^2 of the windows of a uint8 plane (H, W).

    n = size^2 is the number of pixels in a window; ``size`` is 7 or 8. Int32 (2, H - size + 1, W - size + 1). Sums of
    columns are kept from row to row: each row adds one pixel and takes one away.
    """
    height, width = plane.shape
    sums, squares = np.zeros(width, np.int32), np.zeros(width, np.int32)
    row, row_squares = np.empty(width - size + 1, np.int32), np.empty(width - size + 1, np.int32)
    out = np.empty((2, height - size + 1, width - size + 1), np.int32)
    count = np.int32(size * size)
    for r in range(height):
        for c in range(width):
            v = np.int32(plane[r, c])
            sums[c] = np.int32(sums[c] + v)
            squares[c] = np.int32(squares[c] + np.int32(v * v))
        if r >= size:
            for c in range(width):
                v = np.int32(plane[r - size, c])
                sums[c] = np.int32(sums[c] - v)
                squares[c] = np.int32(squares[c] - np.int32(v * v))
        if r >= size - 1:
            if size == 7:
                _sum7(sums, row)
                _sum7(squares, row_squares)
            else:
                _sum8(sums, row)
                _sum8(squares, row_squares)
            for c in range(row.size):
                out[0, r - size + 1, c] = row[c]
                out[1, r - size + 1, c] = np.int32(np.int32(count * row_squares[c]) - np.int32(row[c] * row[c]))
    return out


@inlined
def _ssim_7x7_line(sx, sy, vx, vy, cov, c1, c2):
    """Return the sum of SSIM over a line of 7x7 windows, with the sample's sigma (divided by 48, not by 49).

    ``sx`` and ``sy`` are 49 mu, ``vx``, ``vy`` and ``cov`` are 49^2 sigma_x^2, sigma_y^2 and sigma_xy of a population.
    """
    mean, sample = 1.0 / 49.0, 1.0 / (49.0 * 48.0)
    total = 0.0
    for j in range(sx.size):
        mx, my = sx[j] * mean, sy[j] * mean
        total += ((2.0 * mx * my + c1) * (2.0 * sample * cov[j] + c2)) / (
            (mx * mx + my * my + c1) * (sample * (float(vx[j]) + float(vy[j])) + c2)
        )
    return total


@inlined
def _uiq_line(sx, sy, vx, vy, cov, flat_counts):
    """Return the sum of Q = 2 mu_x mu_y / (mu_x^2 + mu_y^2) * 2 sigma_xy / (sigma_x^2 + sigma_y^2) over windows.

    Where both windows are flat the second factor is ``flat_counts``: 1 by the rule of the paper's authors, or 0. Where
    both are black the first is 1. All moments may share a factor, here n and n^2, which Q does not see.
    """
    total = 0.0
    for j in range(sx.size):
        mx, my = float(sx[j]), float(sy[j])
        variances, means = float(vx[j]) + float(vy[j]), mx * mx + my * my
        flat, black = variances == 0.0, means == 0.0
        luminance = 1.0 if black else 2.0 * mx * my / (1.0 if black else means)
        structure = flat_counts if flat else 2.0 * cov[j] / (1.0 if flat else variances)
        total += luminance * structure
    return total


@summing
def byte_box_products(x, y, size, moments_x, parameter_1, parameter_2):
    """Return the mean over the windows of two uint8 planes (H, W) of SSIM (``size`` 7) or of UIQ (``size`` 8).

    ``moments_x`` are ``byte_box_moments`` of ``x``. The parameters are C1 and C2 of SSIM, or what flat windows count
    in UIQ and nothing. The size says which of the two it is, and no function as an argument: numba's cache knows such
    a one by its place in memory, and would compile again for every copy of the code.
    """
    height, width = x.shape
    n = width - size + 1
    sums, squares, products = np.zeros(width, np.int32), np.zeros(width, np.int32), np.zeros(width, np.int32)
    sy, vy, cov = np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.int32)
    count = np.int32(size * size)
    total = 0.0
    for r in range(height):
        for c in range(width):
            v = np.int32(y[r, c])
            sums[c] = np.int32(sums[c] + v)
            squares[c] = np.int32(squares[c] + np.int32(v * v))
            products[c] = np.int32(products[c] + np.int32(np.int32(x[r, c]) * v))
        if r >= size:
            for c in range(width):
                v = np.int32(y[r - size, c])
                sums[c] = np.int32(sums[c] - v)
                squares[c] = np.int32(squares[c] - np.int32(v * v))
                products[c] = np.int32(products[c] - np.int32(np.int32(x[r - size, c]) * v))
        if r >= size - 1:
            if size == 7:
                _sum7(sums, sy)
                _sum7(squares, vy)
                _sum7(products, cov)
            else:
                _sum8(sums, sy)
                _sum8(squares, vy)
                _sum8(products, cov)
            sx, vx = moments_x[0, r - size + 1], moments_x[1, r - size + 1]
            for c in range(n):
                vy[c] = np.int32(np.int32(count * vy[c]) - np.int32(sy[c] * sy[c]))
                cov[c] = np.int32(np.int32(count * cov[c]) - np.int32(sx[c] * sy[c]))
            if size == 7:
                total += _ssim_7x7_line(sx, sy, vx, vy, cov, parameter_1, parameter_2)
            else:
                total += _uiq_line(sx, sy, vx, vy, cov, parameter_1)
    return total / ((height - size + 1) * n)


# --- boxes over floats: sums in a tree, so that a flat window's variance is exactly zero ---------
@jit
def _tree8(a, b, c, d, e, f, g, h):
    """Return the sum of eight numbers, pair by pair: eight equal ones give exactly eight times one of them."""
    return ((a + b) + (c + d)) + ((e + f) + (g + h))


@jit
def float_uiq(x, y):
    """Return the mean of Q (see ``_uiq_line``) over the 8x8 windows of two float64 planes (H, W)."""
    height, width = x.shape
    ring = np.empty((5, 8, width))
    column, row = np.empty((5, width)), np.empty((5, width - 7))
    variances, covariance = np.empty(width - 7), np.empty(width - 7)
    total = 0.0
    for r in range(height):
        k = r % 8
        for c in range(width):
            a, b = x[r, c], y[r, c]
            ring[0, k, c] = a
            ring[1, k, c] = b
            ring[2, k, c] = a * a
            ring[3, k, c] = b * b
            ring[4, k, c] = a * b
        if r < 7:
            continue
        for q in range(5):
            s = ring[q]
            for c in range(width):
                column[q, c] = _tree8(s[0, c], s[1, c], s[2, c], s[3, c], s[4, c], s[5, c], s[6, c], s[7, c])
            t = column[q]
            for c in range(width - 7):
                row[q, c] = _tree8(t[c], t[c + 1], t[c + 2], t[c + 3], t[c + 4], t[c + 5], t[c + 6], t[c + 7])
        for c in range(width - 7):
            variances[c] = (64.0 * row[2, c] - row[0, c] * row[0, c]) + (64.0 * row[3, c] - row[1, c] * row[1, c])
            covariance[c] = 64.0 * row[4, c] - row[0, c] * row[1, c]
        total += _float_uiq_line(row[0], row[1], variances, covariance)
    return total / ((height - 7) * (width - 7))


@jit
def _float_uiq_line(sx, sy, variances, covariance):
    """Return the sum of Q over a line of windows; ``variances`` are 64^2 (sigma_x^2 + sigma_y^2)."""
    total = 0.0
    for j in range(sx.size):
        means = sx[j] * sx[j] + sy[j] * sy[j]
        luminance = 2.0 * sx[j] * sy[j] / means if means > 0.0 else 1.0
        total += luminance * (2.0 * covariance[j] / variances[j] if variances[j] > 0.0 else 1.0)
    return total
