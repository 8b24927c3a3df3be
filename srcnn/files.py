"""Files that are complete if they exist, and pictures in and out.

With dataset.py this is the only module of the package that touches a disk.
"""

import json
import os
import socket
import struct
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".ppm", ".pgm"})

# What Pillow's readers raise on damaged files, TIFF above all.
_BROKEN = (OSError, SyntaxError, EOFError, TypeError, ValueError, LookupError, OverflowError, MemoryError, struct.error)


class PictureError(ValueError):
    """A picture file that cannot be used, named, with the reason."""


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Temporary path beside ``path``, with its suffix, renamed to it when the block succeeds.

    The name is unique across hosts, so that two copies of one task never write to one file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}-{path.name}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file, or nothing."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write a whole UTF-8 file, or nothing."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON, a whole file or nothing."""
    write_text(path, json.dumps(value, indent=1) + "\n")


def read_json(path: Path) -> Any:
    """The value in a JSON file; None if there is no such file."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None


def read_picture(path: Path) -> NDArray[np.uint8]:
    """RGB picture (H, W, 3), uint8, upright; greyscale becomes three equal bands.

    Palettes are resolved and an opaque alpha band is dropped. Raises PictureError for a missing or
    broken file, and for what has no single meaning in 8-bit RGB: transparency, more than 8 bits,
    CMYK, several frames.
    """
    try:
        with Image.open(path) as image:
            reason = _unusable(image)
            if reason:
                raise PictureError(f"{path}: {reason}")
            upright = ImageOps.exif_transpose(image)
            if upright.has_transparency_data:
                upright = upright.convert("RGBA")
                if np.asarray(upright.getchannel("A")).min() < 255:
                    raise PictureError(f"{path}: is partly transparent; flatten it onto a background first")
            return np.asarray(upright.convert("RGB"))
    except FileNotFoundError as error:
        raise PictureError(f"{path}: no such file") from error
    except UnidentifiedImageError as error:
        raise PictureError(f"{path}: is no picture that Pillow can read") from error
    except PictureError:
        raise
    except Image.DecompressionBombError as error:
        raise PictureError(f"{path}: is too large ({error})") from error
    except _BROKEN as error:
        raise PictureError(f"{path}: is broken ({error})") from error


def _unusable(image: ImageFile.ImageFile) -> str | None:
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        return f"holds {frames} frames; save the one to use on its own"
    if image.mode.startswith(("I", "F")) or any(_is_cut_to_8_bits(tile[0], tile[3]) for tile in image.tile):
        return "has more than 8 bits a band; convert it to 8 bits first"
    if image.mode not in {"1", "L", "LA", "P", "PA", "RGB", "RGBA"}:
        return f"has colour mode {image.mode}; convert it to RGB first"
    return None


def _is_cut_to_8_bits(codec: str, arguments: Any) -> bool:
    # Pillow keeps only the upper 8 bits of 16-bit RGB files. PPM states the largest value, other
    # formats a raw mode, first: the numbers that may follow it are row lengths and offsets.
    first, *others = arguments if isinstance(arguments, tuple) else (arguments,)
    if codec.startswith("ppm"):
        return bool(others and others[0] > 255)
    return isinstance(first, str) and "16" in first


def write_picture(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write a uint8 picture, (H, W) grey or (H, W, 3) RGB, in the format of the path's suffix."""
    with atomic_path(path) as temporary:
        Image.fromarray(picture).save(temporary)
