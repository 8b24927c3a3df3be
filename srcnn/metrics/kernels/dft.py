"""Filtering in the frequency domain: the inverse DFT of X F_n, of one picture's spectrum X and many filters F_n.

By scipy at every size. Sides with large prime factors, such as the Berkeley pictures' 321 = 3 * 107 and 481 = 13 * 37,
cost twice as much as others; padding would change the filters, which are periodic at the exact size.
"""

import numpy as np
from scipy import fft

from srcnn.metrics.kernels.compiled import jit

SCALES = 4


class Transform:
    """What filters pictures (H, W) of one size, in buffers that are kept from call to call."""

    def __init__(self, height: int, width: int):
        self.pixels = height * width
        self._products = np.empty((SCALES, height, width), np.complex64)
        self._parts = np.empty((2, SCALES, self.pixels), np.float32)

    def filters(self, filters: list[np.ndarray]) -> np.ndarray:
        """Return filters (H, W) of the four scales, zero frequency first, as ``responses`` wants them."""
        return (np.stack(filters) / self.pixels).astype(np.float32)

    def spectrum(self, picture: np.ndarray) -> np.ndarray:
        """Return the spectrum of a float32 picture (H, W)."""
        return fft.fft2(picture)

    def responses(self, spectrum: np.ndarray, filters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return real and imaginary parts of the responses, float32 (4, H W), which the next call overwrites."""
        multiply(spectrum, filters, self._products)
        responses = fft.ifft2(self._products, norm="forward", overwrite_x=True)
        even, odd = self._parts
        take_apart(responses.reshape(SCALES, -1).view(np.float32), even, odd)
        return even, odd


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
