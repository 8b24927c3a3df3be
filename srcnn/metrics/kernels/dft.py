"""Filtering in the frequency domain: one picture's spectrum through many filters."""

import numpy as np
from scipy import fft

from srcnn.metrics.kernels import jit


class Transform:
    """Filters pictures of one size with a bank, in buffers that are kept from call to call."""

    def __init__(self, height: int, width: int):
        self.height, self.width = height, width
        self.pixels = height * width
        self.scratch = np.empty(self.pixels, np.float32)
        self._products = np.empty((4, height, width), np.complex64)

    def filter(self, filter_: np.ndarray) -> np.ndarray:
        """A filter (H, W), zero frequency first, as ``responses`` wants it."""
        return (filter_ / self.pixels).astype(np.float32)

    def spectrum(self, picture: np.ndarray) -> np.ndarray:
        """Spectrum of a float32 picture (H, W). Its level is taken off first: no filter passes it."""
        level = np.float32(np.rint(picture.mean()))
        return fft.fft2(picture - level)

    def responses(self, spectrum: np.ndarray, filters: list[np.ndarray]) -> np.ndarray:
        """Float32 (filters, 2 N): each response's real and imaginary parts in turn. Overwritten by the next call."""
        for product, filter_ in zip(self._products, filters, strict=True):
            multiply(spectrum, filter_, product)
            result = fft.ifft2(product, norm="forward", overwrite_x=True)
            if result is not product and not np.shares_memory(result, product):
                product[...] = result
        return self._products.reshape(4, -1).view(np.float32)

    def picture(self, values: np.ndarray) -> np.ndarray:
        """Values (N) in the order of the responses' pixels as a picture (H, W)."""
        return values.reshape(self.height, self.width)


def transform(height: int, width: int, half_plane: bool) -> Transform:
    """The transform for one size; ``half_plane``: every filter is zero in half of the plane."""
    return Transform(height, width)


@jit
def multiply(spectrum, filter_, out):
    """Product of a complex64 spectrum and a float32 filter, all (H, W), into ``out``."""
    height, width = out.shape
    for r in range(height):
        for c in range(width):
            out[r, c] = spectrum[r, c] * filter_[r, c]
