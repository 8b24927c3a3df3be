"""From high resolution to low resolution to interpolated input: the degradation that SRCNN undoes.

Three ways of resampling: ``matlab`` (antialiased bicubic in floating point, as the papers do),
``pillow`` (Pillow's bicubic on 8-bit bands, rounded at the low resolution, as scripts do) and
``area`` (a low-resolution pixel is the mean over its area, as TensorFlow's ``area``; enlarged as ``matlab``).
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from srcnn.color import to_uint8
from srcnn.experiment import Resampling
from srcnn.resize import resize

Floats = NDArray[np.float64]


def crop_to_multiple(image: NDArray[np.generic], multiple: int) -> NDArray[np.generic]:
    """Return a view of a picture (H, W[, C]) without the rows and columns beyond a multiple, at bottom and right.

    Raises ValueError if nothing would be left.
    """
    height, width = (size - size % multiple for size in image.shape[:2])
    if not height or not width:
        raise ValueError(f"a picture of {image.shape[1]}x{image.shape[0]} pixels is smaller than {multiple}")
    return image[:height, :width]


def low_resolution(hr: NDArray[np.generic], *, scale: int, blur_sigma: float = 0.0, resampling: Resampling) -> Floats:
    """Return bands (H // scale, W // scale[, C]), float64, of ``hr`` (H, W[, C]) in 0..255, blurred and reduced.

    Raises ValueError if a side is shorter than ``scale``.
    """
    height, width = hr.shape[0] // scale, hr.shape[1] // scale
    if not height or not width:
        raise ValueError(f"a picture of {hr.shape[1]}x{hr.shape[0]} pixels cannot be reduced by {scale}")
    bands = hr.astype(np.float64)
    if blur_sigma:
        # Few studies blur, and a third of the time that a process of scoring takes to begin would go into this.
        from scipy.ndimage import gaussian_filter

        bands = gaussian_filter(bands, (blur_sigma, blur_sigma) + (0.0,) * (bands.ndim - 2), mode="reflect")
    return resample(bands, height, width, resampling)


def degrade(hr: NDArray[np.generic], *, scale: int, blur_sigma: float = 0.0, resampling: Resampling) -> Floats:
    """Return the interpolated input: ``hr`` (H, W[, C]) in 0..255, reduced by ``scale`` and brought back to its size.

    Raises ValueError if a side is shorter than ``scale``.
    """
    lr = low_resolution(hr, scale=scale, blur_sigma=blur_sigma, resampling=resampling)
    return resample(lr, hr.shape[0], hr.shape[1], resampling)


def resample(bands: Floats, height: int, width: int, resampling: Resampling) -> Floats:
    """Return bands (h, w[, C]) in 0..255 brought to another size, (height, width[, C])."""
    if resampling == "area" and height <= bands.shape[0] and width <= bands.shape[1]:
        return resize(bands, height, width, "area")
    if resampling != "pillow":
        return resize(bands, height, width, "cubic")
    if bands.ndim == 3:
        return np.stack([resample(bands[..., c], height, width, resampling) for c in range(bands.shape[2])], axis=-1)
    picture = Image.fromarray(to_uint8(bands)).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(picture, dtype=np.float64)
