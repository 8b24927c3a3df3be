"""Filtering in the frequency domain: the inverse DFT of X F_n, of one picture's spectrum X and many filters F_n."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from scipy import fft

from srcnn.metrics.kernels.compiled import jit
from srcnn.metrics.kernels.kept import kept_by_thread
from srcnn.metrics.kernels.prime import PrimeTransform, split

SCALES = 4
_ROUGH = 23  # sizes with no larger prime factor are left to scipy


class Transform(Protocol):
    """What filters pictures of one size, in buffers that are kept from call to call.

    ``pixels`` is the number of places of a response, of which ``spare`` hold no pixel.
    """

    pixels: int
    spare: np.ndarray

    def filters(self, filters: list[np.ndarray]) -> np.ndarray:
        """Return filters (H, W) of the four scales, zero frequency first, as ``blocks`` wants them."""
        ...

    def spectrum(self, picture: np.ndarray) -> np.ndarray:
        """Return the spectrum of a float32 picture (H, W), which is overwritten by the next one's."""
        ...

    def blocks(self, spectrum: np.ndarray, filters: np.ndarray) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Give the responses block by block: the block's places, and real and imaginary parts there, float32 (4, n).

        A block is overwritten by the next one.
        """
        ...

    def picture(self, values: np.ndarray) -> np.ndarray:
        """Return values (pixels) in the order of the responses' places as a new picture (H, W)."""
        ...


@kept_by_thread(maxsize=4)
def transform(height: int, width: int) -> Transform:
    """Return the quicker transform for one size."""
    splits = split(height), split(width)
    if splits[0] and splits[1] and max(_prime_factors(height) + _prime_factors(width)) > _ROUGH:
        return PrimeTransform(height, width, splits[0], splits[1], SCALES)
    return FastTransform(height, width)


class FastTransform:
    """The Transform by scipy, for sizes of small prime factors and for those that do not ``split``."""

    def __init__(self, height: int, width: int):
        self.shape = height, width
        self.pixels = height * width
        self.spare = np.empty(0, np.intp)
        self._products = np.empty((SCALES, height, width), np.complex64)
        self._parts = np.empty((2, SCALES, self.pixels), np.float32)

    def filters(self, filters: list[np.ndarray]) -> np.ndarray:
        """See Transform."""
        return (np.stack(filters) / self.pixels).astype(np.float32)

    def spectrum(self, picture: np.ndarray) -> np.ndarray:
        """See Transform."""
        return fft.fft2(picture)

    def blocks(self, spectrum: np.ndarray, filters: np.ndarray) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """See Transform."""
        multiply(spectrum, filters, self._products)
        responses = fft.ifft2(self._products, norm="forward", overwrite_x=True)
        even, odd = self._parts
        take_apart(responses.reshape(SCALES, -1).view(np.float32), even, odd)
        yield slice(0, self.pixels), even, odd

    def picture(self, values: np.ndarray) -> np.ndarray:
        """See Transform."""
        return values.reshape(self.shape).copy()


def _prime_factors(n: int) -> list[int]:
    """Return the prime factors of ``n``, each as often as it divides; [1] for 1."""
    factors, p = [], 2
    while n > 1:
        while n % p == 0:
            factors.append(p)
            n //= p
        p += 1
    return factors or [1]


@jit
def multiply(spectrum, filters, out):
    """Write X F_n of a complex64 spectrum X (H, W) and float32 filters F_n (N, H, W) to ``out`` (N, H, W)."""
    scales, height, width = out.shape
    for s in range(scales):
        for r in range(height):
            for c in range(width):
                out[s, r, c] = spectrum[r, c] * filters[s, r, c]


@jit
def take_apart(values, real, imaginary):
    """Write the parts of ``values`` (N, 2 n), which has them in turn, to ``real`` and ``imaginary`` (N, n)."""
    scales, n = real.shape
    for s in range(scales):
        for i in range(n):
            real[s, i] = values[s, 2 * i]
            imaginary[s, i] = values[s, 2 * i + 1]
