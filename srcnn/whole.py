"""Checks that files are whole: by their ends, which is cheap, or to the last bit.

Each kind carries a SHA-256 of itself: a checkpoint as its archive's comment, a Parquet file in front of
its footer, where no reader of Parquet looks, and HDF5 patches as an attribute (``srcnn.dataset``).
"""

import hashlib
import os
import struct
import zipfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from srcnn.damage import identity
from srcnn.regular import NotRegular, open_regular

MARK = b"sha256:"
SEAL = len(MARK) + 64  # bytes
_MAGIC = b"PAR1"
_TAIL = 8  # bytes behind a Parquet file's footer: its length, and the magic
_HDF5 = b"\x89HDF\r\n\x1a\n"
_PNG = b"\x89PNG\r\n\x1a\n"
_IEND = b"\0\0\0\0IEND\xaeB`\x82"  # the last chunk, which is always the same


def is_cut(file: Path) -> bool:
    """Say whether a file, of the kind that its suffix tells, is empty, cut, of another kind or no file at all.

    A file of a kind whose ends tell nothing is whole if it is a file, and one that is gone is not cut. What lies
    between the ends is checked when it is read. Raises OSError if it cannot be read.
    """
    try:
        with open_regular(file) as content:
            is_whole = _ENDS.get(file.suffix)
            return is_whole is not None and not is_whole(content, os.fstat(content.fileno()).st_size)
    except FileNotFoundError:  # or merged into another since
        return False
    except (IsADirectoryError, NotRegular):
        return True
    except OSError as error:
        error.filename = error.filename or str(file)
        raise


def _at(content: BinaryIO, start: int, count: int) -> bytes:
    content.seek(max(0, start))
    return content.read(count)


def _has_parquet_ends(content: BinaryIO, size: int) -> bool:
    head, tail = _at(content, 0, 4), _at(content, size - _TAIL, _TAIL)
    return size >= 12 and head == tail[4:] == _MAGIC and int.from_bytes(tail[:4], "little") <= size - 12


def _has_hdf5_ends(content: BinaryIO, size: int) -> bool:
    head = _at(content, 0, 48)  # of a superblock of version 0, whose last number is where the file ends
    return head[:9] == _HDF5 + b"\0" and int.from_bytes(head[40:48], "little") == size


def _has_png_ends(content: BinaryIO, size: int) -> bool:
    return _at(content, 0, 8) == _PNG and _at(content, size - len(_IEND), len(_IEND)) == _IEND


def _has_checkpoint_ends(content: BinaryIO, size: int) -> bool:
    return _at(content, 0, 4) == b"PK\x03\x04" and _at(content, size - SEAL, len(MARK)) == MARK


_ENDS: dict[str, Callable[[BinaryIO, int], bool]] = {
    ".parquet": _has_parquet_ends,
    ".h5": _has_hdf5_ends,
    ".pt": _has_checkpoint_ends,
    ".png": _has_png_ends,
}


class NotWhole(ValueError):
    """The error of a file whose content is not what was written."""


def seal_parquet(file: Path) -> None:
    """Put the SHA-256 of a Parquet file in front of its footer, where no reader of Parquet minds it."""
    with file.open("r+b") as content:
        size = os.fstat(content.fileno()).st_size
        footer = size - _TAIL - int.from_bytes(_at(content, size - _TAIL, 4), "little")
        content.seek(0)
        digest = hashlib.file_digest(content, "sha256").hexdigest()
        end = _at(content, footer, size)
        content.seek(footer)
        content.write(MARK + digest.encode() + end)


def check_parquet(file: Path) -> None:
    """Raise NotWhole if a Parquet file is not what was sealed; one without a seal is somebody else's and passes."""
    seen = identity(file)
    if seen:
        _check_parquet(file, *seen)


@lru_cache(maxsize=65536)
def _check_parquet(file: Path, *_seen: int) -> None:
    """Read the file through, once in a process, however many of its parts are read later."""
    with open_regular(file) as content:
        size = os.fstat(content.fileno()).st_size
        footer = size - _TAIL - int.from_bytes(_at(content, size - _TAIL, 4), "little")
        seal = _at(content, footer - SEAL, SEAL) if footer >= SEAL else b""
        if not seal.startswith(MARK):
            return
        digest, left = hashlib.sha256(), footer - SEAL
        content.seek(0)
        while left > 0:
            part = content.read(min(left, 1 << 20))
            if not part:
                break
            digest.update(part)
            left -= len(part)
        digest.update(_at(content, footer, size))
    if seal != MARK + digest.hexdigest().encode():
        raise NotWhole("its content does not give its checksum")


def unpacks_to_more(file: Path | BinaryIO, size: int) -> bool:
    """Say whether a zip archive of ``size`` bytes holds more than that.

    torch packs nothing, so that an archive that does is there to fill the memory. False for what is no archive, which
    is left to its reader.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            return sum(entry.file_size for entry in archive.infolist()) > size
    except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error):
        return False


def sealed(archive: bytes) -> bytes:
    """Return a zip archive with the SHA-256 of its content as its comment. Raises ValueError if it has a comment."""
    # The last two bytes of a zip without a comment are the comment's length, which is not hashed.
    body, length = archive[:-2], archive[-2:]
    if length != b"\0\0":
        raise ValueError("expected a zip archive without a comment")
    return body + struct.pack("<H", SEAL) + MARK + hashlib.sha256(body).hexdigest().encode()


def is_sealed(content: bytes) -> bool:
    """Say whether the content is what ``sealed`` returned, every bit of it."""
    end = len(content) - SEAL
    body, length, comment = content[: end - 2], content[end - 2 : end], content[end:]
    expected = MARK + hashlib.sha256(body).hexdigest().encode()
    return end > 2 and length == struct.pack("<H", SEAL) and comment == expected
