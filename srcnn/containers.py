"""Whether a clip's file is cut: AVI, MP4 (and MOV) and Matroska (and WebM) files state how long their parts are."""

import os
from typing import BinaryIO

# How files of these kinds begin: where, and with what.
_BEGINNINGS = {
    "avi": ((8, b"AVI "),),
    "mp4": tuple((4, kind) for kind in (b"ftyp", b"moov", b"mdat", b"wide", b"free")),
    "matroska": ((0, b"\x1aE\xdf\xa3"),),
}
_SEGMENT = b"\x18\x53\x80\x67"


def container(file: BinaryIO) -> str | None:
    """Return the kind of a clip's file by its beginning; None for another file."""
    file.seek(0)
    start = file.read(16)
    kinds = (kind for kind, signs in _BEGINNINGS.items() if any(start[at:].startswith(sign) for at, sign in signs))
    return next(kinds, None)


def is_cut(file: BinaryIO, kind: str) -> bool:
    """Say whether a file ends before its last part does."""
    end = file.seek(0, os.SEEK_END)
    if kind == "matroska":
        return _matroska_end(file) > end
    place = 0
    while place < end:
        file.seek(place)
        head = file.read(16)
        name, size = (head[:4], head[4:8]) if kind == "avi" else (head[4:8], head[:4])
        if len(head) < 8:
            return True
        if not name.isascii() or not name.decode().isprintable():  # what others left behind the clip
            return False
        if kind == "avi":
            length = int.from_bytes(size, "little")
            place += 8 + length + length % 2
            continue
        length = int.from_bytes(size, "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8:  # the last one reaches to the end
            return False
        place += length
    return place > end + (kind == "avi")  # the byte that makes a length even is often left out


def _matroska_end(file: BinaryIO) -> int:
    """Return where the only part of a Matroska file ends; 0 where it does not say so."""
    file.seek(4)
    length = _number(file)
    file.seek(length, os.SEEK_CUR)
    if length < 0 or file.read(4) != _SEGMENT:
        return 0
    length = _number(file)
    return file.tell() + length if length >= 0 else 0


def _number(file: BinaryIO) -> int:
    """Return an EBML number, whose first bits tell its length; -1 for one that is unknown."""
    first = file.read(1)
    if not first or not first[0]:
        return -1
    more = 8 - first[0].bit_length()
    value = int.from_bytes(bytes([first[0] & (0x7F >> more)]) + file.read(more), "big")
    return -1 if value == (1 << 7 * (more + 1)) - 1 else value
