"""Folders of rendered pictures: made, looked at, removed."""

import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from jobs.pictures import PictureSet
from srcnn.damage import set_aside
from srcnn.files import names_in, temporary_path, write_text
from srcnn.paths import require_within, set_mark
from srcnn.rendered import made_from, picture_file

_SET_ID = re.compile(r"s[0-9a-f]{10}")


def lacking_pictures(folder: Path, pictures: PictureSet) -> list[str]:
    """Return the names of the set's pictures that are not in the folder, or not made from this set."""
    if made_from(folder) != pictures.set_id:
        return [picture.name for picture in pictures.pictures]
    return missing_pictures(folder, pictures)


def missing_pictures(folder: Path, pictures: PictureSet) -> list[str]:
    """Return the names of the pictures that are not in the folder."""
    there = names_in(folder)
    return [picture.name for picture in pictures.pictures if picture_file(folder, picture.name).name not in there]


def present_files(folder: Path, names: Iterable[str]) -> list[Path]:
    """Return the files of the named pictures that are in the folder, whole or not."""
    there = names_in(folder)
    return [file for file in (picture_file(folder, name) for name in names) if file.name in there]


def open_folder(folder: Path, pictures: PictureSet, study: Path) -> None:
    """Make a folder of the study ready for this set, and remove what was made from another set.

    A folder that does not say what it was made from is set aside. Raises OutsideStudy if a link leads out of the study.
    """
    other = made_from(folder)
    if other == pictures.set_id:
        return
    if os.path.lexists(folder):
        require_within(folder, study)
        if other is None or not _SET_ID.fullmatch(other):
            set_aside(folder)
    remove_folder(folder)
    write_text(set_mark(folder), pictures.set_id)


def remove_folder(folder: Path) -> None:
    """Delete a folder at once for whoever looks: it is renamed before its files are deleted."""
    doomed = temporary_path(folder)
    try:
        folder.rename(doomed)
    except FileNotFoundError:
        return
    shutil.rmtree(doomed, ignore_errors=True)
