"""The names of pictures, made from the names of their files in this one place, so that no two become one."""

import os
import unicodedata
from collections.abc import Mapping
from pathlib import Path, PurePath

from srcnn.files import PictureError, locale_fault

LISTED = 10
SPARE = 64  # bytes that a file's temporary name is longer than its path, while it is written


def picture_name(file: PurePath) -> str:
    """Return the name that a file gives its picture: its path without suffix, in composed letters (NFC).

    macOS writes an é as two characters and Linux as one; a set is the same set on both. A name that is
    not UTF-8 keeps its bytes as surrogates: see ``no_utf8``.
    """
    return unicodedata.normalize("NFC", _text(file))


def _text(file: PurePath) -> str:
    # As UTF-8 in every locale, so that a name does not depend on who reads it.
    return os.fsencode(file.with_suffix("").as_posix()).decode("utf-8", "surrogateescape")


def no_utf8(file: Path, name: str) -> str | None:
    """Return why the name that a file gives cannot stand in a table; None if it can."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return f"{file}: its name is no UTF-8; rename it"
    return None


def unnameable(file: Path, name: str) -> str | None:
    """Return why the name that a file gives cannot stand in a table, or cannot name a file here; None if it can."""
    fault = locale_fault(name)
    return no_utf8(file, name) or (f"{file}: {fault}" if fault else None)


def too_long(path: Path, root: Path) -> str | None:
    """Return why the file system of a root cannot hold a file or folder of this path below it; None if it can."""
    place = next(folder for folder in (root, *root.absolute().parents) if folder.is_dir())
    longest_name, longest_path = (os.pathconf(place, limit) for limit in ("PC_NAME_MAX", "PC_PATH_MAX"))
    for part in path.relative_to(root).parts:
        if len(os.fsencode(part)) > longest_name:
            return f"{part!r} is a name of {len(os.fsencode(part))} bytes, and {place} takes {longest_name}; shorten it"
    length = len(os.fsencode(path)) + SPARE
    if length > longest_path:
        return f"{path}: is a path of {length} bytes, and the system takes {longest_path}; choose a shorter --root"
    return None


def by_name(files: Mapping[Path, PurePath]) -> dict[str, Path]:
    """Return files by the names of their pictures. ``files`` maps a file to the path that names it.

    That path is the file's own, or the one below a folder. Raises PictureError for files of one name, and for
    names that are one on the file systems of Windows and macOS; it names both files and their difference.
    """
    first: dict[str, Path] = {}
    faults = []
    for file, named_by in files.items():
        other = first.setdefault(_folded(named_by), file)
        if other is not file:
            faults.append(f"two pictures of one name: {other} and {file}{_difference(files[other], named_by)}")
    if len(faults) > LISTED:
        faults[LISTED:] = [f"and {len(faults) - LISTED} more"]
    if faults:
        raise PictureError("\n  ".join(faults) + "\nrename one picture of each pair, or its folder, or leave it out")
    return {picture_name(named_by): file for file, named_by in files.items()}


def _folded(named_by: PurePath) -> str:
    return unicodedata.normalize("NFC", picture_name(named_by).lower())


def _difference(one: PurePath, other: PurePath) -> str:
    if _text(one) == _text(other):
        return ""
    if picture_name(one) == picture_name(other):
        return " (they differ only in Unicode normalisation form: NFC and NFD)"
    return " (they differ only in upper and lower case)"
