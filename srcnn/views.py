"""The pictures derived from a photograph: its reference, its small copy, its degraded form."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from srcnn.color import luma, own_standard, rgb_to_ycbcr, to_uint8, ycbcr_to_rgb
from srcnn.degrade import crop_to_multiple, low_resolution, resample
from srcnn.deprocess import as_measured_luma, deprocess
from srcnn.experiment import DataConfig, Resampling

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]


def reference(picture: Bytes, data: DataConfig, zoom: int = 1) -> Bytes:
    """Return what a restored picture is compared with: the picture, brought to the multiples that the study asks for.

    Raises ValueError if it is too small for that.
    """
    multiple = zoom * data.multiple
    if data.squeeze_to_scale:
        height, width = crop_to_multiple(picture, multiple).shape[:2]
        return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC))
    return crop_to_multiple(picture, multiple).astype(np.uint8, copy=False)


def training_picture(picture: Bytes, data: DataConfig) -> Bytes:
    """Return a training picture (H, W, 3) squeezed to ``data.train_size``, or as it is without that.

    Bilinear between the four nearest pixels, without antialiasing, as Keras reads a folder of pictures; then rounded.
    """
    if data.train_size is None:
        return picture
    import cv2  # loaded where it is needed only

    height, width = data.train_size
    squeezed = cv2.resize(picture.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return to_uint8(np.asarray(squeezed, np.float32))


def reduced(picture: Bytes, data: DataConfig, zoom: int) -> Bytes:
    """Return the reference at 1/zoom size, which is degraded and restored (zoom 1: the reference itself)."""
    if zoom == 1:
        return reference(picture, data)
    small = low_resolution(reference(picture, data, zoom), scale=zoom, resampling=data.resampling)
    return to_uint8(small)


def low_resolution_bands(hr: Bytes, data: DataConfig, grey: bool = False) -> Floats:
    """Return the YCbCr bands (H // scale, W // scale, 3), unrounded, of the degraded picture (H, W, 3) in 0..255.

    ``grey``, here and below: the picture was stored in one band (``srcnn.color.own_standard``).
    """
    ycbcr = np.rint(rgb_to_ycbcr(hr, own_standard(data.luma, grey)))
    return low_resolution(ycbcr, scale=data.scale, blur_sigma=data.blur_sigma, resampling=data.resampling)


@dataclass(frozen=True)
class Degraded:
    """A picture as a super-resolution method is given it, and the size that it is to have.

    ``bands`` are YCbCr (h, w, 3), unrounded, in 0..255; ``size`` is (H, W). ``resampling`` brings it to that size where
    a network is fed the interpolated picture, and the chroma always.
    """

    bands: Floats
    size: tuple[int, int]
    resampling: Resampling

    @cached_property
    def interpolated(self) -> Floats:
        """The bands (H, W, 3), unrounded, interpolated to the size."""
        return self.bands if self.bands.shape[:2] == self.size else resample(self.bands, *self.size, self.resampling)


def degraded(hr: Bytes, data: DataConfig, grey: bool = False) -> Degraded:
    """Return a picture (H, W, 3) as the study degrades it."""
    return Degraded(low_resolution_bands(hr, data, grey), (hr.shape[0], hr.shape[1]), data.resampling)


def interpolated_bands(hr: Bytes, data: DataConfig, grey: bool = False) -> Floats:
    """Return the YCbCr bands (H, W, 3), unrounded, of the degraded and interpolated picture (H, W, 3)."""
    return degraded(hr, data, grey).interpolated


def low_resolution_picture(hr: Bytes, data: DataConfig, grey: bool = False) -> Bytes:
    """Return the RGB picture (H // scale, W // scale, 3) that is all that a super-resolution method is given."""
    return ycbcr_to_rgb(low_resolution_bands(hr, data, grey), own_standard(data.luma, grey))


def measured_luma(picture: Bytes, grey: bool = False) -> Bytes:
    """Return BT.601 studio luma (H, W), rounded, of an RGB picture (H, W, 3): where the literature measures PSNR."""
    return to_uint8(luma(picture, own_standard("bt601", grey)))


def as_view(view: str, y: Floats, bands: Floats, data: DataConfig, grey: bool = False) -> Bytes:
    """Return the 8-bit picture of a view from its luma ``y`` (H, W) and the interpolated bands (H, W, 3).

    ``grey``: the picture was stored in one band, so that luma is its values.
    """
    if view == "luma":
        return to_uint8(y) if grey else as_measured_luma(y, data.luma)
    return deprocess(y, bands, own_standard(data.luma, grey))
