"""Filtering in the frequency domain: one picture's spectrum through many filters.

Sizes of small prime factors go through scipy. 321 = 3 * 107 and 481 = 13 * 37, the sizes of the
Berkeley pictures, do not suit a fast Fourier transform, and padding is not allowed: the filters
are periodic at the exact size. There each axis is split into coprime factors (Good & Thomas), so
that no twiddles are needed, and the large factor is two products with real matrices, cosines for
the even part and sines for the odd part, which BLAS does near the processor's peak. Frequencies
and pixels stay in whatever order this gives; only the spectrum and the final map are put in order.
"""

from functools import lru_cache
from typing import Protocol

import numpy as np
from scipy import fft

from srcnn.metrics.kernels import jit, summing

SCALES = 4
_SMALL, _LARGE = 16, 200  # factors for which the small sums and the matrix products are worth it
_ROUGH = 23  # sizes with no larger prime factor are left to scipy


class Transform(Protocol):
    """Filters pictures of one size, in buffers that are kept from call to call."""

    pixels: int
    scratch: np.ndarray

    def filter(self, filter_: np.ndarray) -> np.ndarray:
        """A filter (H, W), zero frequency first, as ``responses`` wants it."""
        ...

    def spectrum(self, picture: np.ndarray) -> np.ndarray:
        """Spectrum of a float32 picture (H, W). Its level is taken off first: no filter passes it."""
        ...

    def responses(self, spectrum: np.ndarray, filters: list[np.ndarray]) -> np.ndarray:
        """Float32 (4, 2 N): each response's real and imaginary parts in turn. Overwritten by the next call."""
        ...

    def picture(self, values: np.ndarray) -> np.ndarray:
        """Values (N) in the order of the responses' pixels as a picture (H, W)."""
        ...


@lru_cache(maxsize=4)
def transform(height: int, width: int) -> Transform:
    """The quicker transform for one size."""
    splits = split(height), split(width)
    if splits[0] and splits[1] and max(_prime_factors(height) + _prime_factors(width)) > _ROUGH:
        return PrimeTransform(height, width, splits[0], splits[1])
    return FastTransform(height, width)


def _centred(picture: np.ndarray) -> np.ndarray:
    return picture - np.float32(np.rint(picture.mean()))


class FastTransform:
    """scipy's transform, for sizes of small prime factors and for those that fit nothing else."""

    def __init__(self, height: int, width: int):
        self.shape = height, width
        self.pixels = height * width
        self.scratch = np.empty(self.pixels, np.float32)
        self._products = np.empty((SCALES, height, width), np.complex64)

    def filter(self, filter_: np.ndarray) -> np.ndarray:
        """See Transform."""
        return (filter_ / self.pixels).astype(np.float32)

    def spectrum(self, picture: np.ndarray) -> np.ndarray:
        """See Transform."""
        return fft.fft2(_centred(picture))

    def responses(self, spectrum: np.ndarray, filters: list[np.ndarray]) -> np.ndarray:
        """See Transform."""
        for product, filter_ in zip(self._products, filters, strict=True):
            multiply(spectrum, filter_, product)
            result = fft.ifft2(product, norm="forward", overwrite_x=True)
            if not np.shares_memory(result, product):
                product[...] = result
        return self._products.reshape(SCALES, -1).view(np.float32)

    def picture(self, values: np.ndarray) -> np.ndarray:
        """See Transform."""
        return values.reshape(self.shape)


class PrimeTransform:
    """Coprime factors (small a, large odd b) of both sides; real and imaginary parts are apart."""

    def __init__(self, height: int, width: int, rows: tuple[int, int], columns: tuple[int, int]):
        numbers = np.arange(height * width).reshape(height, width)
        # The larger of the small factors goes first, where it is summed over long runs of memory.
        if columns[0] > rows[0]:
            numbers, rows, columns = numbers.T, columns, rows
        self.shape, width = (height, width), numbers.shape[1]
        self.pixels = numbers.size
        self.scratch = np.empty(self.pixels, np.float32)
        (self._ar, self._br), (self._ac, self._bc) = rows, columns
        # Where each frequency is found in a picture's spectrum, and each pixel in a response.
        self._frequencies = numbers[np.ix_(_frequency_order(*rows), _frequency_order(*columns))]
        self._frequencies = self._frequencies.reshape(self._ar, self._br, width)
        # A real picture's spectrum is known from its left half: the rest is mirrored and conjugated.
        half = self.shape[1] // 2 + 1
        row, column = np.divmod(self._frequencies, self.shape[1])
        mirrored = column >= half
        row, column = np.where(mirrored, -row % self.shape[0], row), np.where(mirrored, -column % self.shape[1], column)
        self._half, self._sign = row * half + column, np.where(mirrored, -1, 1).astype(np.float32)
        self._places = np.empty(self.pixels, np.intp)
        self._places[numbers[np.ix_(_pixel_order(*rows), _pixel_order(*columns))].ravel()] = np.arange(self.pixels)
        self._row_cosines, self._row_sines = _matrices(self._br)
        self._column_cosines, self._column_sines = _matrices(self._bc)
        self._row_table, self._column_table = _small_table(self._ar), _small_table(self._ac)
        self._a = np.empty((2, self._ar, self._br, width), np.float32)
        self._b = np.empty_like(self._a)
        self._responses = np.empty((SCALES, 2 * self.pixels), np.float32)

    def filter(self, filter_: np.ndarray) -> np.ndarray:
        """See Transform."""
        return (filter_.ravel() / self.pixels).astype(np.float32)[self._frequencies]

    def spectrum(self, picture: np.ndarray) -> np.ndarray:
        """See Transform."""
        ordered = fft.rfft2(_centred(picture)).ravel().take(self._half)
        return np.stack([ordered.real, ordered.imag * self._sign])

    def responses(self, spectrum: np.ndarray, filters: list[np.ndarray]) -> np.ndarray:
        """See Transform."""
        a, b = self._a, self._b
        even_rows, even_columns = self._br // 2 + 1, self._bc // 2 + 1
        lines_a, lines_b = a.reshape(-1, self._bc), b.reshape(-1, self._bc)
        for filter_, response in zip(filters, self._responses, strict=True):
            filter_rows(spectrum, filter_, self._row_table, a)
            np.matmul(self._row_cosines, a[:, :, :even_rows], out=b[:, :, :even_rows])
            np.matmul(self._row_sines, a[:, :, even_rows:], out=b[:, :, even_rows:])
            turn(b, self._column_table, self._bc, a)
            np.matmul(lines_a[:, :even_columns], self._column_cosines, out=lines_b[:, :even_columns])
            np.matmul(lines_a[:, even_columns:], self._column_sines, out=lines_b[:, even_columns:])
            unfold_columns(lines_b, response)
        return self._responses

    def picture(self, values: np.ndarray) -> np.ndarray:
        """See Transform."""
        return values.take(self._places).reshape(self.shape)


# --- factors, orders, matrices ------------------------------------------------------------------
def _prime_factors(n: int) -> list[int]:
    factors, p = [], 2
    while n > 1:
        while n % p == 0:
            factors.append(p)
            n //= p
        p += 1
    return factors or [1]


def split(n: int) -> tuple[int, int] | None:
    """Coprime (small, large odd) factors of ``n`` that cost least; None if there are none."""
    pairs = [(a, n // a) for a in range(1, _SMALL + 1) if n % a == 0 and np.gcd(a, n // a) == 1]
    pairs = [(a, b) for a, b in pairs if b % 2 and 3 <= b <= _LARGE]
    return min(pairs, key=sum, default=None)


def _folded(b: int) -> np.ndarray:
    """0, 1 .. h, -1 .. -h: what is folded lies side by side."""
    half = np.arange(1, b // 2 + 1)
    return np.concatenate([[0], half, -half])


def _frequency_order(a: int, b: int) -> np.ndarray:
    return ((b * np.arange(a)[:, None] + a * _folded(b)) % (a * b)).ravel()


def _pixel_order(a: int, b: int) -> np.ndarray:
    """By the Chinese remainder theorem: the pixel that is k1 modulo a and k2 modulo b."""
    first = b * pow(b, -1, a) if a > 1 else 0
    second = a * pow(a, -1, b)
    return ((first * np.arange(a)[:, None] + second * _folded(b)) % (a * b)).ravel()


def _matrices(b: int) -> tuple[np.ndarray, np.ndarray]:
    k = np.arange(b // 2 + 1)
    turns = 2.0 * np.pi * (np.outer(k, k) % b) / b
    return np.cos(turns).astype(np.float32), np.sin(turns[1:, 1:]).astype(np.float32)


def _small_table(a: int) -> np.ndarray:
    k = np.arange(a)
    turns = 2.0 * np.pi * (np.outer(k, k) % a) / a
    return np.stack([np.cos(turns), np.sin(turns)]).astype(np.float32)


# --- passes over the data -----------------------------------------------------------------------
@jit
def multiply(spectrum, filter_, out):
    """Product of a complex64 spectrum and a float32 filter, all (H, W), into ``out``."""
    height, width = out.shape
    for r in range(height):
        for c in range(width):
            out[r, c] = spectrum[r, c] * filter_[r, c]


@summing
def _small_inverse(x, table, size, length, y, fold):
    """Inverse DFT over ``size`` runs of ``length`` of x into y, both (2, size * length) planar.

    ``fold`` (4, length) is scratch.
    """
    half = (size - 1) // 2
    for j in range(1, half + 1):  # x[j] and x[-j] become their sum and difference, in place
        for p in range(2):
            u, v = x[p, j * length : (j + 1) * length], x[p, (size - j) * length : (size - j + 1) * length]
            for i in range(length):
                s, d = u[i] + v[i], u[i] - v[i]
                u[i] = s
                v[i] = d
    are, aim, bre, bim = fold[0], fold[1], fold[2], fold[3]
    for k in range(size // 2 + 1):
        if size % 2 == 0:
            sign = np.float32(1 - 2 * (k % 2))
            middle = half + 1
            for i in range(length):
                are[i] = x[0, i] + sign * x[0, middle * length + i]
                aim[i] = x[1, i] + sign * x[1, middle * length + i]
        else:
            for i in range(length):
                are[i] = x[0, i]
                aim[i] = x[1, i]
        for i in range(length):
            bre[i] = 0.0
            bim[i] = 0.0
        j = 1
        while j + 2 <= half:  # three at a time, so that the sums stay in registers
            c0, c1, c2 = table[0, j, k], table[0, j + 1, k], table[0, j + 2, k]
            s0, s1, s2 = table[1, j, k], table[1, j + 1, k], table[1, j + 2, k]
            near, far = j * length, (size - j) * length
            x0, x1, x2 = x[0, near:], x[0, near + length :], x[0, near + 2 * length :]
            y0, y1, y2 = x[1, near:], x[1, near + length :], x[1, near + 2 * length :]
            u0, u1, u2 = x[0, far:], x[0, far - length :], x[0, far - 2 * length :]
            v0, v1, v2 = x[1, far:], x[1, far - length :], x[1, far - 2 * length :]
            for i in range(length):
                are[i] += c0 * x0[i] + c1 * x1[i] + c2 * x2[i]
                aim[i] += c0 * y0[i] + c1 * y1[i] + c2 * y2[i]
                bre[i] += s0 * u0[i] + s1 * u1[i] + s2 * u2[i]
                bim[i] += s0 * v0[i] + s1 * v1[i] + s2 * v2[i]
            j += 3
        for last in range(j, half + 1):
            j = last
            cosine, sine = table[0, j, k], table[1, j, k]
            sre, sim = x[0, j * length : (j + 1) * length], x[1, j * length : (j + 1) * length]
            dre = x[0, (size - j) * length : (size - j + 1) * length]
            dim = x[1, (size - j) * length : (size - j + 1) * length]
            for i in range(length):
                are[i] += cosine * sre[i]
                aim[i] += cosine * sim[i]
                bre[i] += sine * dre[i]
                bim[i] += sine * dim[i]
        yre, yim = y[0, k * length : (k + 1) * length], y[1, k * length : (k + 1) * length]
        for i in range(length):
            yre[i] = are[i] - bim[i]
            yim[i] = aim[i] + bre[i]
        if k > 0 and 2 * k != size:
            zre, zim = (
                y[0, (size - k) * length : (size - k + 1) * length],
                y[1, (size - k) * length : (size - k + 1) * length],
            )
            for i in range(length):
                zre[i] = are[i] + bim[i]
                zim[i] = aim[i] - bre[i]


@jit
def filter_rows(spectrum, filter_, table, out):
    """Filter, inverse DFT over the rows' small factor, and fold their large one.

    spectrum (2, a, b, W), filter_ (a, b, W) -> out (2, a, b, W): even parts first, then odd.
    """
    _, a, b, width = out.shape
    half = b // 2
    products, plus, minus = (
        np.empty((2, a * width), np.float32),
        np.empty((2, a * width), np.float32),
        np.empty((2, a * width), np.float32),
    )
    fold = np.empty((4, width), np.float32)
    for j in range(half + 1):
        for side in range(2 if j else 1):
            row = j + side * half
            for p in range(2):
                for n in range(a):
                    s, f, to = spectrum[p, n, row], filter_[n, row], products[p, n * width : (n + 1) * width]
                    for i in range(width):
                        to[i] = s[i] * f[i]
            _small_inverse(products, table, a, width, minus if side else plus, fold)
        for p in range(2):
            for k in range(a):
                u, v = plus[p, k * width : (k + 1) * width], minus[p, k * width : (k + 1) * width]
                even = out[p, k, j]
                if j:
                    odd = out[p, k, half + j]
                    for i in range(width):
                        even[i] = u[i] + v[i]
                        odd[i] = u[i] - v[i]
                else:
                    even[:] = u


@jit
def turn(x, table, b_columns, out):
    """Unfold the rows' large factor, inverse DFT over the columns' small one, fold their large one.

    x and out are (2, a, b, W); a line of out is the columns' small factor times even, then odd.
    """
    _, a, b, width = x.shape
    small = width // b_columns
    half, half_columns = b // 2, b_columns // 2
    line, turned, fold = (
        np.empty((2, width), np.float32),
        np.empty((2, width), np.float32),
        np.empty((4, b_columns), np.float32),
    )
    for n in range(a):
        for j in range(half + 1):
            cre, cim = x[0, n, j], x[1, n, j]
            for side in range(2 if j else 1):
                if j:
                    sre, sim = x[0, n, half + j], x[1, n, half + j]
                    if side:
                        for i in range(width):
                            line[0, i] = cre[i] + sim[i]
                            line[1, i] = cim[i] - sre[i]
                    else:
                        for i in range(width):
                            line[0, i] = cre[i] - sim[i]
                            line[1, i] = cim[i] + sre[i]
                else:
                    line[0, :] = cre
                    line[1, :] = cim
                _small_inverse(line, table, small, b_columns, turned, fold)
                for p in range(2):
                    to, source = out[p, n, j + side * half], turned[p]
                    for k in range(small):
                        start = k * b_columns
                        to[start] = source[start]
                        for i in range(1, half_columns + 1):
                            u, v = source[start + i], source[start + half_columns + i]
                            to[start + i] = u + v
                            to[start + half_columns + i] = u - v


@jit
def unfold_columns(lines, out):
    """Lines (2 n, b) of even, then odd parts to ``out`` (2 n b): real and imaginary parts in turn."""
    count, b = lines.shape[0] // 2, lines.shape[1]
    half = b // 2
    for n in range(count):
        re, im, to = lines[n], lines[count + n], out[2 * b * n : 2 * b * (n + 1)]
        to[0] = re[0]
        to[1] = im[0]
        near, far = to[2 : 2 * half + 2], to[2 * half + 2 :]
        ere, eim, ore, oim = re[1 : half + 1], im[1 : half + 1], re[half + 1 :], im[half + 1 :]
        for i in range(half):
            near[2 * i] = ere[i] - oim[i]
            near[2 * i + 1] = eim[i] + ore[i]
            far[2 * i] = ere[i] + oim[i]
            far[2 * i + 1] = eim[i] - ore[i]
