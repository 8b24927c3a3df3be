"""SAM's angles: alpha = arccos(<x, y> / (|x| |y|)) between the band vectors x and y of two pictures at each pixel."""

import numpy as np

from srcnn.metrics.kernels.compiled import inlined, summing

_HALF_PI = np.pi / 2
_QUARTER_PI = np.pi / 4
_STEP = 256  # pixels that are worked on together


@inlined
def _angle(sine, cosine):
    """Return atan2(sine, cosine) for sine >= 0, with a relative error below 1e-11.

    The series of arctan to z^25, |z| <= tan(pi / 8), has no branch, so that eight angles are computed at once.
    """
    adjacent = abs(cosine)
    steep = sine > adjacent
    big, small = (sine if steep else adjacent), (adjacent if steep else sine)
    q = small / (big if big > 0.0 else 1.0)
    beyond = q > 0.4142135623730951  # tan(pi / 8)
    z = (q - 1.0) / (q + 1.0) if beyond else q
    w = z * z
    series = 1.0 / 25.0
    series = 1.0 / 23.0 - w * series
    series = 1.0 / 21.0 - w * series
    series = 1.0 / 19.0 - w * series
    series = 1.0 / 17.0 - w * series
    series = 1.0 / 15.0 - w * series
    series = 1.0 / 13.0 - w * series
    series = 1.0 / 11.0 - w * series
    series = 1.0 / 9.0 - w * series
    series = 1.0 / 7.0 - w * series
    series = 1.0 / 5.0 - w * series
    series = 1.0 / 3.0 - w * series
    angle = z - z * w * series + (_QUARTER_PI if beyond else 0.0)
    angle = _HALF_PI - angle if steep else angle
    return np.pi - angle if cosine < 0.0 else angle


@summing
def angle_sum(x, y):
    """Return the sum of alpha = atan2(|x| |y| sin alpha, <x, y>) in radians over the pixels, and their number.

    ``x`` and ``y`` are planes (C, N); a pixel that is black in one of them has no alpha and is left out. The sine is
    by Lagrange's identity, (|x| |y| sin alpha)^2 = sum over i < j of (x_i y_j - x_j y_i)^2: arccos of the cosine would
    lose half of the digits of small angles.
    """
    bands, size = x.shape
    total, seen = 0.0, 0.0
    dot, cross, norm_x, norm_y = np.empty(_STEP), np.empty(_STEP), np.empty(_STEP), np.empty(_STEP)
    for start in range(0, size, _STEP):
        n = min(_STEP, size - start)
        dot[:] = 0.0
        cross[:] = 0.0
        norm_x[:] = 0.0
        norm_y[:] = 0.0
        for b in range(bands):
            p, q = x[b, start : start + n], y[b, start : start + n]
            for i in range(n):
                dot[i] += float(p[i]) * float(q[i])
            for i in range(n):
                norm_x[i] += float(p[i]) * float(p[i])
            for i in range(n):
                norm_y[i] += float(q[i]) * float(q[i])
            for d in range(b + 1, bands):
                r, s = x[d, start : start + n], y[d, start : start + n]
                for i in range(n):
                    minor = float(p[i]) * float(s[i]) - float(r[i]) * float(q[i])
                    cross[i] += minor * minor
        for i in range(n):
            cross[i] = _angle(np.sqrt(cross[i]), dot[i])
        for i in range(n):
            coloured = 1.0 if norm_x[i] * norm_y[i] > 0.0 else 0.0
            total += coloured * cross[i]
            seen += coloured
    return total, int(seen)


@summing
def wrapped_angle_sum(x, y):
    """Return the sum of arccos(min(1, sum over i of (x_i y_i mod 256) / (|x| |y|))) in radians, and of how many pixels.

    ``x`` and ``y`` are uint8 planes (C, N), whose products wrap as the package's do; a pixel that is black in one of
    them is left out.
    """
    bands, size = x.shape
    total, seen = 0.0, 0.0
    dot, norm_x, norm_y = np.empty(_STEP), np.empty(_STEP), np.empty(_STEP)
    for start in range(0, size, _STEP):
        n = min(_STEP, size - start)
        dot[:] = 0.0
        norm_x[:] = 0.0
        norm_y[:] = 0.0
        for b in range(bands):
            p, q = x[b, start : start + n], y[b, start : start + n]
            for i in range(n):
                dot[i] += float(np.int32(np.int32(p[i]) * np.int32(q[i])) & np.int32(255))
            for i in range(n):
                norm_x[i] += float(np.int32(p[i]) * np.int32(p[i]))
            for i in range(n):
                norm_y[i] += float(np.int32(q[i]) * np.int32(q[i]))
        for i in range(n):
            norm_x[i] *= norm_y[i]
            cosine = dot[i] / np.sqrt(norm_x[i] if norm_x[i] > 0.0 else 1.0)
            cosine = cosine if cosine < 1.0 else 1.0
            dot[i] = _angle(np.sqrt((1.0 - cosine) * (1.0 + cosine)), cosine)
        for i in range(n):
            coloured = 1.0 if norm_x[i] > 0.0 else 0.0
            total += coloured * dot[i]
            seen += coloured
    return total, int(seen)
