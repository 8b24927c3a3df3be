"""Sums of x, x^2, (x - y)^2 and x y over pictures, luminance and joint entropy: exact for 8-bit, float64 for others."""

from typing import Any

import numpy as np

from srcnn.metrics.kernels.compiled import jit, summing

_CHUNK = 16384  # squares of bytes whose int32 sum cannot overflow


def band_sums(planes: Any) -> np.ndarray:
    """Return the sums of x and of x^2 in each band of planes (C, H, W), as float64 (C, 2)."""
    return _each_band(_byte_sums if planes.dtype == np.uint8 else _float_sums, planes)


def pair_sums(x: Any, y: Any) -> np.ndarray:
    """Return the sums of (x - y)^2 and of x y in each band of planes (C, H, W), as float64 (C, 2)."""
    return _each_band(_byte_pair_sums if x.dtype == np.uint8 else _float_pair_sums, x, y)


def _each_band(kernel: Any, *planes: Any) -> np.ndarray:
    return np.array([kernel(*(p.ravel() for p in bands)) for bands in zip(*planes, strict=True)], dtype=np.float64)


@jit
def _byte_sums(x):
    """Return the sums of x and of x^2 over bytes (N): chunks in int32, which is quicker, and all in int64."""
    total, squares = np.int64(0), np.int64(0)
    for start in range(0, x.size, _CHUNK):
        some, some_squares = np.int32(0), np.int32(0)
        for value in x[start : start + _CHUNK]:
            v = np.int32(value)
            some = np.int32(some + v)
            some_squares = np.int32(some_squares + np.int32(v * v))
        total += some
        squares += some_squares
    return float(total), float(squares)


@jit
def _byte_pair_sums(x, y):
    """Return the sums of (x - y)^2 and of x y over bytes (N): chunks in int32, all in int64."""
    errors, products = np.int64(0), np.int64(0)
    for start in range(0, x.size, _CHUNK):
        u, v = x[start : start + _CHUNK], y[start : start + _CHUNK]
        some_errors, some_products = np.int32(0), np.int32(0)
        for i in range(u.size):
            a, b = np.int32(u[i]), np.int32(v[i])
            d = np.int32(a - b)
            some_errors = np.int32(some_errors + np.int32(d * d))
            some_products = np.int32(some_products + np.int32(a * b))
        errors += some_errors
        products += some_products
    return float(errors), float(products)


@summing
def _float_sums(x):
    """Return the sums of x and of x^2 over float64 (N)."""
    total, squares = 0.0, 0.0
    for i in range(x.size):
        total += x[i]
        squares += x[i] * x[i]
    return total, squares


@summing
def _float_pair_sums(x, y):
    """Return the sums of (x - y)^2 and of x y over float64 (N)."""
    errors, products = 0.0, 0.0
    for i in range(x.size):
        d = x[i] - y[i]
        errors += d * d
        products += x[i] * y[i]
    return errors, products


@jit
def split_bands(image):
    """Return the planes (C, H, W) of an interleaved picture (H, W, C)."""
    height, width, bands = image.shape
    planes = np.empty((bands, height, width), image.dtype)
    for r in range(height):
        for b in range(bands):
            for c in range(width):
                planes[b, r, c] = image[r, c, b]
    return planes


@jit
def luminance(planes, scale):
    """Return ``scale`` (0.299 R + 0.587 G + 0.114 B) of planes (3, H, W), as float32 (H, W)."""
    _, height, width = planes.shape
    out = np.empty((height, width), np.float32)
    for r in range(height):
        for c in range(width):
            out[r, c] = scale * (0.299 * planes[0, r, c] + 0.587 * planes[1, r, c] + 0.114 * planes[2, r, c])
    return out


@jit
def byte_luminance(planes, scale):
    """Return ``scale`` (0.299 R + 0.587 G + 0.114 B) of planes (3, H, W), rounded and clipped to uint8 (H, W).

    Halves are rounded up, also where the arithmetic has put them a little below (hence 0.500001).
    """
    _, height, width = planes.shape
    out = np.empty((height, width), np.uint8)
    for r in range(height):
        for c in range(width):
            v = scale * (0.299 * planes[0, r, c] + 0.587 * planes[1, r, c] + 0.114 * planes[2, r, c])
            out[r, c] = np.uint8(min(255.0, max(0.0, v + 0.500001)))
    return out


@jit
def joint_entropy(x, y):
    """Return H = -sum over i, j of p_ij log2 p_ij in bits, p being the joint histogram of two uint8 pictures (H, W).

    With counts n_ij = N p_ij that is log2 N - sum of n_ij log2 n_ij / N, in which counts of 0 and 1 add nothing.
    """
    counts = np.zeros(65536, np.int32)
    a, b = x.ravel(), y.ravel()
    for i in range(a.size):
        counts[np.int32(a[i]) * 256 + np.int32(b[i])] += 1
    total = 0.0
    for n in counts:
        if n > 1:
            total += n * np.log2(n)
    return np.log2(a.size) - total / a.size
