"""Files that are complete if they exist, and pictures in and out."""

import errno
import hashlib
import json
import os
import re
import shlex
import struct
import sys
import tempfile
import uuid
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from srcnn.damage import AGAIN, DamagedFile, NoFile, identity, set_aside, unmovable
from srcnn.place import has_ended, mark
from srcnn.regular import NotRegular, open_regular, read_regular
from srcnn.words import said

LARGEST_TEXT = 16_000_000  # bytes
LONGEST_SUFFIX = 16  # bytes that a temporary name takes over
# The name of what is being written or deleted, and by whom.
TEMPORARY = re.compile(r"\.(?P<mark>[0-9a-f]{8}-\d+)-[0-9a-f]{8}(\..*)?", re.DOTALL)
PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".ppm", ".pgm"})

# Pillow's names of these, and the only ones that it may take a file for, whatever its suffix.
PICTURE_FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF", "PPM")

# What Pillow's readers raise on damaged files, TIFF above all; warnings, where Python was told to raise them.
_BROKEN: tuple[type[Exception], ...] = (
    *(OSError, SyntaxError, EOFError, TypeError, ValueError, LookupError, ArithmeticError, AttributeError),
    *(RuntimeError, AssertionError, Warning, struct.error, zlib.error),
)


class EncodingError(UnicodeError):
    """A text file that is not in UTF-8, named, with the place and the remedy."""


class PictureError(ValueError):
    """A picture file that cannot be used, named, with the reason."""


def temporary_path(path: Path) -> Path:
    """A name beside ``path``, with its suffix, that no other process of any host or container takes.

    It is short whatever the name it stands for, and says which process is at work.
    """
    suffix = path.suffix if len(os.fsencode(path.suffix)) <= LONGEST_SUFFIX else ""
    return path.with_name(f".{mark()}-{uuid.uuid4().hex[:8]}{suffix}")


@contextmanager
def atomic_path(path: Path, durable: bool = False) -> Iterator[Path]:
    """Temporary path beside ``path``, with its suffix, renamed to it when the block succeeds.

    The name is unique across hosts and containers, so that two copies of one task never write to one file.
    With ``durable``, the disk has the content before it has its name: a power loss leaves the file before it or
    this one, and none that is empty.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_path(path)
    try:
        yield temporary
        if durable:
            _to_disk(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    """Wait until the disk has a file's content."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_orphans(folder: Path) -> int:
    """Number of temporary files removed that a killed process of this machine left in a folder."""
    count = 0
    for file in folder.glob(".*"):
        temporary = TEMPORARY.fullmatch(file.name)
        if temporary and has_ended(temporary["mark"]):
            file.unlink(missing_ok=True)
            count += 1
    return count


def names_in(folder: Path) -> set[str]:
    """The names of what lies in a folder; links that lead nowhere are not there, and no folder holds nothing."""
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return set()
    return {entry.name for entry in entries if not entry.is_symlink() or os.path.exists(entry.path)}


def make_folder(folder: Path) -> None:
    """Make a folder, unless it is there, and make sure that files can be written in it. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


def write_bytes(path: Path, content: bytes, durable: bool = False) -> None:
    """Write a whole file, or nothing. ``durable`` as in ``atomic_path``."""
    with atomic_path(path, durable) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write a whole UTF-8 file, or nothing."""
    _write_own(path, text.encode())


def write_json(path: Path, value: Any, durable: bool = False) -> None:
    """Write ``value`` as indented JSON, a whole file or nothing."""
    _write_own(path, f"{json.dumps(value, indent=1)}\n".encode(), durable)


def _write_own(path: Path, content: bytes, durable: bool = False) -> None:
    clear_place(path)
    write_bytes(path, content, durable)


def clear_place(path: Path) -> None:
    """Set a folder aside that stands in the place of a file of this program's own, which is about to be written."""
    if path.is_dir() and not path.is_symlink():
        set_aside(path)


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, whatever the locale; a byte order mark at its start is dropped.

    Raises EncodingError, which names the first byte that is none, and the remedy, also for a file that is none of text.
    """
    if (size := path.stat().st_size) > LARGEST_TEXT:
        raise EncodingError(f"{path}: has {size:,} bytes; a file of settings has at most {LARGEST_TEXT:,}")
    content = read_regular(path)
    try:
        # UTF-16 and 32 give every letter zero bytes; a file of nothing but zeros is damaged, not encoded.
        if content.startswith(_WIDE_MARKS) or content[:4].count(0) in (2, 3):
            raise EncodingError(f"{path}: is UTF-16 or UTF-32, not UTF-8; {_convert(path, 'UTF-16')}")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if content.count(0):
            raise EncodingError(f"{path}: is no text, but a file of another kind") from error
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise EncodingError(
            f"{path}: line {line}, byte {column} (0x{content[error.start]:02x}) is no UTF-8; if the file is "
            f"Latin-1 or Windows-1252, {_convert(path, 'WINDOWS-1252')}"
        ) from error


_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")


def _convert(path: Path, encoding: str) -> str:
    return f"save it as UTF-8: iconv -f {encoding} -t UTF-8 {shlex.quote(path.name)} > NEW"


def text_fault(text: str) -> str | None:
    """Why a text can stand in no file, or name none in this locale, with the remedy; None if it can do both."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return f"{text!a} is no UTF-8 (a letter of it is half a letter, or a byte); rename what it names"
    return locale_fault(text)


def locale_fault(name: str) -> str | None:
    """Why this locale would find and make files of another name, with the remedy; None if it does not."""
    if name.isascii() or sys.getfilesystemencoding() == "utf-8":
        return None
    return f"{name!a} is no file's name in this locale, whose names are not UTF-8: export LC_ALL=C.UTF-8"


def read_json(path: Path, build: Callable[[Any], Any] | None = None, remedy: str = AGAIN) -> Any:
    """The value in a JSON file, or what ``build`` makes of it; None if there is no such file.

    Raises DamagedFile, which tells the remedy, for what is no JSON or what ``build`` does not take.
    """
    try:
        content = read_own(path, remedy)
    except FileNotFoundError:
        return None
    return parsed(path, content, lambda text: build(json.loads(text)) if build else json.loads(text), remedy)


def read_own(path: Path, remedy: str = AGAIN) -> bytes:
    """The content of a file that this program wrote.

    Raises FileNotFoundError, and NoFile, which tells the remedy, for a folder or a pipe in its place.
    """
    try:
        return read_regular(path)
    except IsADirectoryError as error:
        raise NoFile(path, "is a folder, and no file", remedy) from error
    except NotRegular as error:
        raise NoFile(path, error, remedy) from error


def parsed(path: Path, content: bytes, parse: Callable[[bytes], Any], remedy: str = AGAIN) -> Any:
    """What ``parse`` makes of a file's content. Raises DamagedFile if it cannot."""
    if not content:
        raise DamagedFile(path, "it is empty", remedy)
    try:
        return parse(content)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedFile(path, error, remedy) from error


def read_cache(path: Path, build: Callable[[Any], Any] | None = None) -> Any:
    """As ``read_json``, of a file that is made again where there is none: a damaged one is set aside, for None.

    Raises DamagedFile where it cannot be.
    """
    seen = identity(path)
    try:
        return read_json(path, build)
    except DamagedFile as damaged:
        try:
            set_aside(path, seen)
        except OSError as error:
            raise unmovable(path, damaged, error) from damaged
        return None


def holds(path: Path, value: Any) -> bool:
    """Whether a JSON file is there, whole, and holds just this value."""
    try:
        return bool(read_json(path) == value)
    except DamagedFile:
        return False


def read_picture(path: Path) -> NDArray[np.uint8]:
    """RGB picture (H, W, 3), uint8, upright; greyscale becomes three equal bands.

    Palettes are resolved and an opaque alpha band is dropped. Raises PictureError for a missing or
    broken file, and for what has no single meaning in 8-bit RGB: transparency, more than 8 bits,
    CMYK, several frames.
    """
    with _opened(path) as (image, _):
        return _rgb(path, image)


def read_hashed(path: Path) -> tuple[NDArray[np.uint8], bool, str]:
    """As ``read_picture``, with whether the file stores one band, and the SHA-256 of its bytes."""
    with _opened(path) as (image, file):
        picture, grey = _rgb(path, image), _is_grey(image)
        file.seek(0)
        return picture, grey, hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


def is_grey_file(path: Path) -> bool:
    """Whether a picture file stores one band (grey), not three. Raises PictureError if unreadable."""
    with _opened(path) as (image, _):
        return _is_grey(image)


def _is_grey(image: ImageFile.ImageFile) -> bool:
    return image.mode in {"1", "L", "LA"}


@contextmanager
def _opened(path: Path) -> Iterator[tuple[ImageFile.ImageFile, BinaryIO]]:
    """The one place where pictures are opened: regular files, in formats that Pillow reads by itself.

    Left to guess, Pillow starts Ghostscript for a PostScript file of any name. Raises PictureError, also for
    what goes wrong while the picture is looked at.
    """
    try:
        with open_regular(path) as file, Image.open(file, formats=PICTURE_FORMATS) as image:
            yield image, file
    except PictureError:
        raise
    except FileNotFoundError as error:
        raise PictureError(
            f"{path}: {'is a link that leads nowhere' if path.is_symlink() else 'no such file'}"
        ) from error
    except IsADirectoryError as error:
        raise PictureError(f"{path}: is a folder, and no picture") from error
    except NotRegular as error:
        raise PictureError(str(error)) from error
    except UnidentifiedImageError as error:
        raise PictureError(f"{path}: is no picture of a kind that is read ({', '.join(PICTURE_FORMATS)})") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(f"{path}: is too large ({said(error)})") from error
    except MemoryError as error:
        raise PictureError(f"{path}: needs more memory than there is") from error
    except _BROKEN as error:
        if isinstance(error, OSError) and error.errno is not None:  # the disk's or the owner's matter
            nowhere = error.errno == errno.ELOOP  # a link to itself
            reason = "is a link that leads nowhere" if nowhere else f"cannot be read ({error.strerror})"
            raise PictureError(f"{path}: {reason}") from error
        raise PictureError(f"{path}: is broken ({said(error)})") from error


def _rgb(path: Path, image: ImageFile.ImageFile) -> NDArray[np.uint8]:
    reason = _unusable(image)
    if reason:
        raise PictureError(f"{path}: {reason}")
    upright = ImageOps.exif_transpose(image)
    if upright.has_transparency_data:
        upright = upright.convert("RGBA")
        if np.asarray(upright.getchannel("A")).min() < 255:
            raise PictureError(f"{path}: is partly transparent; flatten it onto a background first")
    return np.asarray(upright.convert("RGB"))


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
