"""Files that are complete if they exist, and reading and writing of pictures."""

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
CLIP_SUFFIXES = frozenset({".avi", ".mp4", ".m4v", ".mov", ".mkv", ".webm"})

# Pillow's names of these, and the only ones that it may take a file for, whatever its suffix.
PICTURE_FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF", "PPM")

# What Pillow's readers raise on damaged files, TIFF above all; warnings, where Python was told to raise them.
_BROKEN: tuple[type[Exception], ...] = (
    *(OSError, SyntaxError, EOFError, TypeError, ValueError, LookupError, ArithmeticError, AttributeError),
    *(RuntimeError, AssertionError, Warning, struct.error, zlib.error),
)


class EncodingError(UnicodeError):
    """The error of a text file that is not in UTF-8: its name, the place and the remedy."""


class PictureError(ValueError):
    """The error of a picture file that cannot be used: its name, and the reason."""

    page = "how-to/pictures.md"


def temporary_path(path: Path) -> Path:
    """Return a name beside ``path``, with its suffix, that no other process of any host or container takes.

    It is short, however long the name is that it stands for, and says which process is at work.
    """
    suffix = path.suffix if len(os.fsencode(path.suffix)) <= LONGEST_SUFFIX else ""
    return path.with_name(f".{mark()}-{uuid.uuid4().hex[:8]}{suffix}")


@contextmanager
def atomic_path(path: Path, durable: bool = False) -> Iterator[Path]:
    """Give a temporary path beside ``path``, with its suffix, and rename it to ``path`` when the block succeeds.

    The name is unique across hosts and containers, so that two copies of one task never write to one file.
    With ``durable``, the disk has the content before it has the name: a power loss leaves the earlier file or
    this one, and never an empty one.
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
    """Remove the temporary files that killed processes of this machine left in a folder, and return their number."""
    count = 0
    for file in folder.glob(".*"):
        temporary = TEMPORARY.fullmatch(file.name)
        if temporary and has_ended(temporary["mark"]):
            file.unlink(missing_ok=True)
            count += 1
    return count


def names_in(folder: Path) -> set[str]:
    """Return the names of what lies in a folder, without links that lead nowhere; none if there is no such folder."""
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return set()
    return {entry.name for entry in entries if not entry.is_symlink() or os.path.exists(entry.path)}


def make_folder(folder: Path) -> None:
    """Make a folder, unless it is there. Raises OSError if no file can be written in it."""
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
    """Set aside a folder that stands where this program is about to write a file of its own."""
    if path.is_dir() and not path.is_symlink():
        set_aside(path)


def read_text(path: Path) -> str:
    """Return the text of a UTF-8 file, whatever the locale; a byte order mark at its start is dropped.

    Raises EncodingError, which names the first byte that is not UTF-8, and the remedy, also for a file without text.
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
            raise EncodingError(f"{path}: is not text, but a file of another kind") from error
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise EncodingError(
            f"{path}: line {line}, byte {column} (0x{content[error.start]:02x}) is not UTF-8; if the file is "
            f"Latin-1 or Windows-1252, {_convert(path, 'WINDOWS-1252')}"
        ) from error


_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")


def _convert(path: Path, encoding: str) -> str:
    return f"save it as UTF-8: iconv -f {encoding} -t UTF-8 {shlex.quote(path.name)} > NEW"


def text_fault(text: str) -> str | None:
    """Return why no file can hold a text, or be named by it in this locale, with the remedy; None if both can be."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return f"{text!a} is not UTF-8 (a letter of it is half a letter, or a byte); rename what it names"
    return locale_fault(text)


def locale_fault(name: str) -> str | None:
    """Return why this locale would find and make files of another name, with the remedy; None if it would not."""
    if name.isascii() or sys.getfilesystemencoding() == "utf-8":
        return None
    return f"{name!a} cannot be a file's name in this locale, whose names are not UTF-8: export LC_ALL=C.UTF-8"


def read_json(path: Path, build: Callable[[Any], Any] | None = None, remedy: str = AGAIN) -> Any:
    """Return the value in a JSON file, or what ``build`` makes of it; None if there is no such file.

    Raises DamagedFile, which tells the remedy, for what is not JSON or what ``build`` does not take.
    """
    try:
        content = read_own(path, remedy)
    except FileNotFoundError:
        return None
    return parsed(path, content, lambda text: build(json.loads(text)) if build else json.loads(text), remedy)


def read_own(path: Path, remedy: str = AGAIN) -> bytes:
    """Return the content of a file that this program wrote.

    Raises FileNotFoundError, and NoFile, which tells the remedy, for a folder or a pipe in its place.
    """
    try:
        return read_regular(path)
    except IsADirectoryError as error:
        raise NoFile(path, "is a folder, not a file", remedy) from error
    except NotRegular as error:
        raise NoFile(path, error, remedy) from error


def parsed(path: Path, content: bytes, parse: Callable[[bytes], Any], remedy: str = AGAIN) -> Any:
    """Return what ``parse`` makes of a file's content. Raises DamagedFile if it raises."""
    if not content:
        raise DamagedFile(path, "it is empty", remedy)
    try:
        return parse(content)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedFile(path, error, remedy) from error


def read_cache(path: Path, build: Callable[[Any], Any] | None = None) -> Any:
    """Return what ``read_json`` returns, but set a damaged file aside and return None: a cache is made again.

    Raises DamagedFile where the file cannot be set aside.
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
    """Say whether a JSON file is there, whole, and holds just this value."""
    try:
        return bool(read_json(path) == value)
    except DamagedFile:
        return False


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Return a file's picture as RGB (H, W, 3), uint8, upright; greyscale becomes three equal bands.

    Palettes are resolved and an opaque alpha band is dropped. Raises PictureError for a missing or
    broken file, and for what has no single meaning in 8-bit RGB: transparency, more than 8 bits,
    CMYK, several frames.
    """
    with _opened(path) as (image, _):
        return _rgb(path, image)


def read_hashed(path: Path) -> tuple[NDArray[np.uint8], bool, str]:
    """Return the picture as ``read_picture`` does, whether the file stores one band, and the SHA-256 of its bytes."""
    with _opened(path) as (image, file):
        picture, grey = _rgb(path, image), _is_grey(image)
        file.seek(0)
        return picture, grey, hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


def is_grey_file(path: Path) -> bool:
    """Say whether a picture file stores one band (grey), not three. Raises PictureError if it cannot be read."""
    with _opened(path) as (image, _):
        return _is_grey(image)


def _is_grey(image: ImageFile.ImageFile) -> bool:
    return image.mode in {"1", "L", "LA"}


@contextmanager
def _opened(path: Path) -> Iterator[tuple[ImageFile.ImageFile, BinaryIO]]:
    """Give an opened picture and its file, which is regular and of a format that Pillow reads by itself.

    Left to guess, Pillow starts Ghostscript for a PostScript file of any name. Raises PictureError, also for what goes
    wrong within the block.
    """
    with picture_file(path) as file, Image.open(file, formats=PICTURE_FORMATS) as image:
        yield image, file


@contextmanager
def picture_file(path: Path) -> Iterator[BinaryIO]:
    """Give a regular file that is opened for reading a picture; all of them are opened here.

    Raises PictureError for what cannot be opened, and for what reading it within the block raises.
    """
    try:
        with open_regular(path) as file:
            yield file
    except PictureError:
        raise
    except FileNotFoundError as error:
        raise PictureError(
            f"{path}: {'is a link that leads nowhere' if path.is_symlink() else 'no such file'}"
        ) from error
    except IsADirectoryError as error:
        raise PictureError(f"{path}: is a folder, not a picture") from error
    except NotRegular as error:
        raise PictureError(str(error)) from error
    except UnidentifiedImageError as error:
        clips = ", ".join(sorted(CLIP_SUFFIXES))
        raise PictureError(
            f"{path}: is not a picture of a kind that is read ({', '.join(PICTURE_FORMATS)}), nor named as a clip "
            f"({clips})"
        ) from error
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
    """Return why a picture has no single meaning in 8-bit RGB, with the remedy; None if it has one."""
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        return f"holds {frames} frames; save the one to use on its own"
    if image.mode.startswith(("I", "F")) or any(_is_cut_to_8_bits(tile[0], tile[3]) for tile in image.tile):
        return (
            "has more than 8 bits a band, which only srcnn.metrics and jobs.evaluate take as it is; networks are "
            "trained on 8 bits and restore 8 bits: convert it to 8 bits first"
        )
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
