"""The inverse DFT of spectrum times filter, for pictures whose sides do not suit a fast Fourier transform.

x[n] = sum over k of X[k] F[k] exp(2 pi i k n / N), along rows and along columns. 321 = 3 * 107 and
481 = 13 * 37, the sizes of the Berkeley pictures, have large prime factors, and padding is not
allowed: the filters are periodic at the exact size. So each side is split into coprime factors (Good &
Thomas), which needs no twiddles and leaves four short transforms that may be done in any order. All
are products with real matrices, which BLAS does near the processor's peak. Of the large factors (37
and 107) the even and the odd parts are transformed apart, by cosines and by sines, which takes half
the work: they are folded while the filter is applied, and unfolded at last.

Frequencies and pixels lie as ``(rows' small factor, sides, columns' small factor, plane)``. A plane is
(rows' large factor, columns' large factor), either of them near (1 .. h, 0) or far (-1 .. -h, nothing);
the four sides are near and far columns of near and far rows. Folding turns near and far into even and
odd. Planes are a little longer than what they hold, so that nothing in them is a case of its own.
"""

from collections.abc import Iterator

import numpy as np
from scipy import fft

from srcnn.metrics.kernels.compiled import jit, summing

_SMALL, _LARGE = 16, 200  # the largest factors that matrix products are worth it for
_LANES = 8  # float32 numbers that a processor works on together


class PrimeTransform:
    """The Transform of sides that ``split`` into (small, large odd) factors; real and imaginary parts lie apart."""

    def __init__(self, height: int, width: int, rows: tuple[int, int], columns: tuple[int, int], scales: int):
        numbers = np.arange(height * width).reshape(height, width)
        if columns[0] > rows[0]:  # the larger small factor makes the smaller blocks
            numbers, rows, columns = numbers.T, columns, rows
        self.shape = height, width
        frequencies = _layout(numbers, *(_by_frequency(*factors) for factors in (rows, columns)))
        pixels = _layout(numbers, *(_by_pixel(*factors) for factors in (rows, columns)))
        self._frequencies, self._held = np.maximum(frequencies, 0), frequencies >= 0
        self._places = np.empty(numbers.size, np.intp)
        self._places[pixels[pixels >= 0]] = np.flatnonzero(pixels >= 0)
        self.pixels, self.spare = pixels.size, np.flatnonzero(pixels < 0)
        # A real picture's spectrum is known from its left half: the rest is mirrored and conjugated.
        half = width // 2 + 1
        row, column = np.divmod(self._frequencies, width)
        mirrored = column >= half
        row, column = np.where(mirrored, -row % height, row), np.where(mirrored, -column % width, column)
        self._half, self._mirrored = (row * half + column).astype(np.int32), mirrored
        self._spectrum = _aligned(2, *pixels.shape)
        self._small = _complex_matrix(rows[0]), _complex_matrix(columns[0])
        self._large = (*_real_matrices(rows[1], lanes=1), *_real_matrices(columns[1], lanes=_LANES))
        a, sides, planes, plane = pixels.shape
        self._folded = _aligned(scales, sides, planes, 2 * a, plane)
        self._scratch = _aligned(2, sides, planes, 2, plane)
        self._block = _aligned(2, scales, sides, planes, plane)

    def filters(self, filters: list[np.ndarray]) -> np.ndarray:
        """See Transform."""
        size = self.shape[0] * self.shape[1]
        out = _aligned(len(filters), *self._frequencies.shape)
        for to, filter_ in zip(out, filters, strict=True):
            to[:] = (filter_.ravel() / size).take(self._frequencies) * self._held
        return out

    def spectrum(self, picture: np.ndarray) -> np.ndarray:
        """See Transform."""
        left = fft.rfft2(picture).view(np.float32).ravel()
        arrange(left, self._half.ravel(), self._mirrored.ravel(), self._spectrum.reshape(2, -1))
        return self._spectrum

    def blocks(self, spectrum: np.ndarray, filters: np.ndarray) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """See Transform."""
        rows, columns = self._small
        filter_and_fold(spectrum, filters, rows, self._folded)
        even, odd = self._block.reshape(2, len(filters), -1)
        size = even.shape[1]
        for number in range(self.pixels // size):
            transform_and_unfold(self._folded, number, columns, *self._large, self._scratch, self._block)
            yield slice(number * size, (number + 1) * size), even, odd

    def picture(self, values: np.ndarray) -> np.ndarray:
        """See Transform."""
        return values.take(self._places).reshape(self.shape)


def split(n: int) -> tuple[int, int] | None:
    """Return the coprime (small, large odd) factors of ``n`` with the least sum, which cost least; None without any."""
    pairs = [(a, n // a) for a in range(1, _SMALL + 1) if n % a == 0 and np.gcd(a, n // a) == 1]
    pairs = [(a, b) for a, b in pairs if b % 2 and 3 <= b <= _LARGE]
    return min(pairs, key=sum, default=None)


# --- orders, matrices ---------------------------------------------------------------------------
def _aligned(*shape: int) -> np.ndarray:
    """Return float32 zeros that start where a line of the cache does, so that no vector lies across two."""
    size = int(np.prod(shape))
    room = np.zeros(size + 16, np.float32)
    start = -room.ctypes.data % 64 // room.itemsize
    return room[start : start + size].reshape(shape)


def _sides(b: int) -> np.ndarray:
    """Return the near side 1 .. h, 0 and the far side -1 .. -h, nothing (``b``) of an odd ``b``, as (2, b // 2 + 1)."""
    half = np.arange(1, b // 2 + 1)
    return np.stack([np.append(half, 0), np.append(-half, b)])


def _by_frequency(a: int, b: int) -> np.ndarray:
    """Return the frequency (b k1 + a k2) mod (a b) of each pair of factors' frequencies, as (a, 2, b // 2 + 1).

    -1 stands for nothing.
    """
    small, large = np.arange(a).reshape(-1, 1, 1), _sides(b)
    return np.where(large == b, -1, (b * small + a * large) % (a * b))


def _by_pixel(a: int, b: int) -> np.ndarray:
    """Return the pixel that is n1 modulo a and n2 modulo b, by the Chinese remainder theorem, as (a, 2, b // 2 + 1).

    -1 stands for nothing.
    """
    small, large = np.arange(a).reshape(-1, 1, 1), _sides(b)
    first = b * pow(b, -1, a) if a > 1 else 0
    return np.where(large == b, -1, (first * small + a * pow(a, -1, b) * large) % (a * b))


def _layout(numbers: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return the ``numbers`` at rows (a, 2, h) and columns (A, 2, H) as (a, 4 sides, A, plane); -1 where nothing is."""
    spare = -columns.shape[2] % _LANES
    columns = np.pad(columns, ((0, 0), (0, 0), (0, spare)), constant_values=-1)
    r = rows[:, None, :, None, :, None]
    c = columns.transpose(1, 0, 2)[None, :, None, :, None, :]
    placed = np.where((r < 0) | (c < 0), -1, numbers[r, c])
    return placed.reshape(len(rows), 4, len(columns), -1)


def _real_matrices(b: int, lanes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return cos(2 pi k n / b) and sin(2 pi k n / b) of the near side's k and n (1 .. h, 0), zeros to full lanes."""
    k = _sides(b)[0]
    turns = 2.0 * np.pi * (np.outer(k, k) % b) / b
    spare = (0, -len(k) % lanes)
    cosines, sines = (np.pad(of(turns), (spare, spare)).astype(np.float32) for of in (np.cos, np.sin))
    return cosines, sines


def _complex_matrix(a: int) -> np.ndarray:
    """Return exp(2 pi i k n / a), the inverse DFT, as a real matrix (2 a, 2 a) for real and imaginary parts in turn."""
    k = np.arange(a)
    turns = 2.0 * np.pi * (np.outer(k, k) % a) / a
    parts = np.array([[np.cos(turns), -np.sin(turns)], [np.sin(turns), np.cos(turns)]])
    return np.ascontiguousarray(parts.transpose(2, 0, 3, 1).reshape(2 * a, 2 * a).astype(np.float32))


# --- passes over the data: each inner loop writes one array, or LLVM sees too many that may overlap ---
@jit
def arrange(left, half, mirrored, out):
    """Write the real and imaginary parts of a real picture's spectrum to ``out`` (2, n), of its left half's.

    ``left`` has them in turn, ``half`` (n) says where; X[-k] is the conjugate of X[k], which ``mirrored`` (n) marks.
    """
    for i in range(half.size):
        j = 2 * half[i]
        out[0, i] = left[j]
        out[1, i] = -left[j + 1] if mirrored[i] else left[j + 1]


@summing
def filter_and_fold(spectrum, filters, matrix, out):
    """Write X F, folded over the large factors and transformed over the rows' small one, to ``out``.

    Folding turns w[k] and w[-k] of near and far into w[k] + w[-k], which cosines transform, and w[k] - w[-k], which
    sines do. ``spectrum`` X (2, a, 4 sides, planes, plane) and ``filters`` F (scales, a, 4 sides, planes, plane) give
    ``out`` (scales, 4 parities, planes, 2 a, plane), real and imaginary parts in turn.
    """
    scales, a, _, planes, n = filters.shape
    w, parts = np.empty((4, n), np.float32), np.empty((4, 2 * a, n), np.float32)
    for plane in range(planes):
        for scale in range(scales):
            for k in range(a):
                for p in range(2):
                    for side in range(4):
                        for i in range(n):
                            w[side, i] = spectrum[p, k, side, plane, i] * filters[scale, k, side, plane, i]
                    for i in range(n):
                        parts[0, 2 * k + p, i] = (w[0, i] + w[1, i]) + (w[2, i] + w[3, i])
                    for i in range(n):
                        parts[1, 2 * k + p, i] = (w[0, i] - w[1, i]) + (w[2, i] - w[3, i])
                    for i in range(n):
                        parts[2, 2 * k + p, i] = (w[0, i] + w[1, i]) - (w[2, i] + w[3, i])
                    for i in range(n):
                        parts[3, 2 * k + p, i] = (w[0, i] - w[1, i]) - (w[2, i] - w[3, i])
            for parity in range(4):
                np.dot(matrix, parts[parity], out[scale, parity, plane])


@summing
def transform_and_unfold(folded, number, small, row_cos, row_sin, column_cos, column_sin, scratch, out):
    """Write ``folded``, transformed over the large factors and the columns' small one and unfolded, to ``out``.

    That is the response at the places whose index over the rows' small factor is ``number``. ``folded`` (scales,
    4 parities, planes, 2 a, plane) gives ``out`` (2 parts, scales, 4 sides, planes, plane); ``scratch`` is
    (2, 4, planes, 2, plane).
    """
    scales, _, planes, _, _ = folded.shape
    rows, columns = len(row_cos), len(column_cos)
    x, y = scratch[0], scratch[1]
    for scale in range(scales):
        for parity in range(4):
            matrix = row_sin if parity % 2 else row_cos
            for plane in range(planes):
                for p in range(2):
                    before = folded[scale, parity, plane, 2 * number + p].reshape(rows, columns)
                    np.dot(matrix, before, x[parity, plane, p].reshape(rows, columns))
            np.dot(small, x[parity].reshape(2 * planes, -1), y[parity].reshape(2 * planes, -1))
        np.dot(y[:2].reshape(-1, columns), column_cos, x[:2].reshape(-1, columns))
        np.dot(y[2:].reshape(-1, columns), column_sin, x[2:].reshape(-1, columns))
        for plane in range(planes):
            _unfold(x, scale, plane, out)


@summing
def _unfold(f, scale, k, out):
    """Write even + i odd (near) and even - i odd (far), along rows and columns, of plane ``k`` of ``f`` to ``out``.

    ``f`` is (4 parities, planes, 2 parts, n), ``out`` (2 parts, scales, 4 sides, planes, n).
    """
    n = f.shape[3]
    for i in range(n):
        out[0, scale, 0, k, i] = (f[0, k, 0, i] - f[3, k, 0, i]) - (f[1, k, 1, i] + f[2, k, 1, i])
    for i in range(n):
        out[1, scale, 0, k, i] = (f[0, k, 1, i] - f[3, k, 1, i]) + (f[1, k, 0, i] + f[2, k, 0, i])
    for i in range(n):
        out[0, scale, 1, k, i] = (f[0, k, 0, i] + f[3, k, 0, i]) + (f[1, k, 1, i] - f[2, k, 1, i])
    for i in range(n):
        out[1, scale, 1, k, i] = (f[0, k, 1, i] + f[3, k, 1, i]) - (f[1, k, 0, i] - f[2, k, 0, i])
    for i in range(n):
        out[0, scale, 2, k, i] = (f[0, k, 0, i] + f[3, k, 0, i]) - (f[1, k, 1, i] - f[2, k, 1, i])
    for i in range(n):
        out[1, scale, 2, k, i] = (f[0, k, 1, i] + f[3, k, 1, i]) + (f[1, k, 0, i] - f[2, k, 0, i])
    for i in range(n):
        out[0, scale, 3, k, i] = (f[0, k, 0, i] - f[3, k, 0, i]) + (f[1, k, 1, i] + f[2, k, 1, i])
    for i in range(n):
        out[1, scale, 3, k, i] = (f[0, k, 1, i] - f[3, k, 1, i]) - (f[1, k, 0, i] + f[2, k, 0, i])
