"""Pictures with all the bits and bands that their files hold: 16 bits, numbers with a fraction, more than three bands.

Only what compares pictures reads them so; networks are trained on 8 bits, and restore 8 bits.
"""

import io
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from srcnn.files import PictureError, picture_file, read_picture

_PNG, _TIFF = b"\x89PNG\r\n\x1a\n", (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_SPANS = {"uint8": 255.0, "uint16": 65535.0}
_ORIENTATION = 274  # the tag of it, in EXIF and in TIFF
_BY_OPENCV = (tifffile.COMPRESSION.LZW, tifffile.COMPRESSION.PACKBITS)  # for which tifffile needs another package
_PLAIN = (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.RGB)


def read_deep(path: Path) -> NDArray[Any]:
    """Return a file's picture (H, W, C) as it is stored: uint8, uint16, float32 or another type of number.

    One band becomes three equal ones, as in ``read_picture``, which reads whatever has 8 bits and one or three bands;
    an opaque alpha band is dropped. Raises PictureError as it does, and for a TIFF that has pages, is turned, or holds
    white as 0.
    """
    with picture_file(path) as file:
        start = file.read(26)
        file.seek(0)
        picture = None
        if start.startswith(_TIFF):
            picture = _tiff(path, file)
        elif start.startswith(_PNG) and start[12:16] == b"IHDR" and start[24:25] == b"\x10":
            picture = _png(path, file)
    return read_picture(path) if picture is None else picture


def span(path: Path, picture: NDArray[Any], said: float | None) -> float:
    """Return the full span of a picture's values: what was said, else what its type can hold.

    Raises PictureError for a type that says nothing of it.
    """
    if said is None and picture.dtype.name not in _SPANS:
        raise PictureError(f"{path}: has {stored(picture)}: say the full span of the values, such as --data-range 1")
    return _SPANS[picture.dtype.name] if said is None else said


def stored(picture: NDArray[Any]) -> str:
    """Return how a picture is stored, in words."""
    bits = 8 * picture.dtype.itemsize
    kind = {"u": f"{bits} bits", "i": f"{bits} bits with a sign", "f": f"floats of {bits} bits"}[picture.dtype.kind]
    return f"{kind} in {picture.shape[2]} bands"


def is_usual(picture: NDArray[Any]) -> bool:
    """Say whether a picture is as ``read_picture`` gives it."""
    return picture.dtype == np.uint8 and picture.shape[2:] == (3,)


def _png(path: Path, file: BinaryIO) -> NDArray[Any]:
    """Return a PNG of 16 bits. Pillow, which would reduce it, only looks at it: every part must be whole."""
    content = io.BytesIO(file.read())
    Image.open(content, formats=("PNG",)).verify()
    with Image.open(content, formats=("PNG",)) as image:
        if (frames := getattr(image, "n_frames", 1)) > 1:
            raise PictureError(f"{path}: holds {frames} frames; save the one to use on its own")
        _require_upright(path, image.getexif().get(_ORIENTATION, 1))
    picture = _by_opencv(path, file)
    return _opaque(path, picture, [3] if picture.shape[2] == 4 else [])


def _tiff(path: Path, file: BinaryIO) -> NDArray[Any] | None:
    """Return the picture of a TIFF; None if ``read_picture`` reads it, or is to say what is wrong with it."""
    try:
        with tifffile.TiffFile(io.BytesIO(file.read())) as tiff:
            page: Any = tiff.pages[0]
            # 1 and 2 are alpha, premultiplied or not; 0 is a band like the others.
            first = page.samplesperpixel - len(page.extrasamples)
            alphas = [first + number for number, kind in enumerate(page.extrasamples) if kind in (1, 2)]
            usual = page.dtype == np.uint8 and page.samplesperpixel - len(alphas) in (1, 3)
            if page.dtype is None or page.bitspersample < 8 or usual:
                return None
            _require_plain(path, page, len(tiff.pages))
            if page.compression in _BY_OPENCV and page.samplesperpixel in (1, 3):
                return _by_opencv(path, file)
            picture = page.asarray()
    except (tifffile.TiffFileError, IndexError):
        return None
    except (ValueError, KeyError) as error:
        if "imagecodecs" not in str(error):
            raise
        raise PictureError(f"{path}: is compressed by {page.compression.name}; save it uncompressed") from error
    if page.axes.startswith("S"):
        picture = np.moveaxis(picture, 0, -1)
    return _opaque(path, picture.reshape(*picture.shape[:2], -1), alphas)


def _require_plain(path: Path, page: Any, pages: int) -> None:
    """Raise PictureError for a TIFF whose numbers are not plainly those of one picture."""
    if pages > 1:
        raise PictureError(f"{path}: holds {pages} pages; save one picture, with all its bands in one page")
    if page.imagewidth * page.imagelength > 2 * (Image.MAX_IMAGE_PIXELS or np.inf):
        raise PictureError(f"{path}: is too large ({page.imagewidth:,} x {page.imagelength:,} pixels)")
    if page.photometric not in _PLAIN:
        raise PictureError(f"{path}: stores its colours as {page.photometric.name}; save them as grey, RGB or bands")
    if page.bitspersample != 8 * page.dtype.itemsize or page.dtype.kind not in "uif":
        raise PictureError(f"{path}: has {page.bitspersample} bits of type {page.dtype}; save it with 16, or as floats")
    _require_upright(path, page.tags.valueof(_ORIENTATION, 1))


def _require_upright(path: Path, orientation: int) -> None:
    if orientation != 1:
        raise PictureError(f"{path}: is stored turned or mirrored (orientation {orientation}); save it upright")


def _by_opencv(path: Path, file: BinaryIO) -> NDArray[Any]:
    """Return the picture (H, W, C), RGB, that OpenCV reads without changing its numbers."""
    file.seek(0)
    picture = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise PictureError(f"{path}: is broken")
    if picture.ndim == 2:
        return np.repeat(picture[..., None], 3, axis=2)
    return np.ascontiguousarray(picture[..., [2, 1, 0, 3][: picture.shape[2]]])


def _opaque(path: Path, picture: NDArray[Any], alphas: list[int]) -> NDArray[Any]:
    """Return the picture without its alpha bands, of one band three times. Raises PictureError for transparency."""
    whole = np.iinfo(picture.dtype).max if picture.dtype.kind in "ui" else 1.0
    if any((picture[..., alpha] < whole).any() for alpha in alphas):
        raise PictureError(f"{path}: is partly transparent; flatten it onto a background first")
    picture = np.delete(picture, alphas, axis=2)
    return np.ascontiguousarray(np.repeat(picture, 3, axis=2) if picture.shape[2] == 1 else picture)
