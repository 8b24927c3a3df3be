"""UPSAMPLERS: from a small picture to any larger size; name -> function(image, height, width).

Each takes uint8 (H, W) or (H, W, 3) and returns uint8 (height, width[, 3]). Bands are resampled
one by one without gamma, pixel centres aligned, so that no method is favoured by a shift.
"""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from srcnn.color import to_uint8

Bytes = NDArray[np.uint8]
Upsampler = Callable[[Bytes, int, int], Bytes]


def _pillow(filter_: Image.Resampling) -> Upsampler:
    def upsample(image: Bytes, height: int, width: int) -> Bytes:
        return np.asarray(Image.fromarray(image).resize((width, height), filter_))

    return upsample


def zero_stuffing(image: Bytes, height: int, width: int) -> Bytes:
    """Insert zeros between the samples, then apply the interpolating low-pass that removes their images.

    This is computed in polyphase form (the zeros are never multiplied), which also serves factors that
    are not integers. Source: Crochiere & Rabiner, Multirate Digital Signal Processing (1983), 2.4.
    """
    from srcnn.resize import resize  # scipy: half a second for everybody who only needs the table

    return to_uint8(resize(image, height, width, "sinc"))


UPSAMPLERS: dict[str, Upsampler] = {
    "nearest": _pillow(Image.Resampling.NEAREST),
    "bilinear": _pillow(Image.Resampling.BILINEAR),
    "bicubic": _pillow(Image.Resampling.BICUBIC),
    "lanczos": _pillow(Image.Resampling.LANCZOS),
    "zero_stuffing": zero_stuffing,
}


def upsample_images(images: Iterable[Bytes], height: int, width: int, upsampler: str = "bicubic") -> list[Bytes]:
    """Return every picture (H, W[, 3]), uint8, enlarged to (height, width[, 3]) by the named upsampler."""
    return [UPSAMPLERS[upsampler](image, height, width) for image in images]
