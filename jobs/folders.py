"""Folders of rendered pictures: one a set and view, tied to the content of the set."""

import os
import shutil
from pathlib import Path

from jobs.pictures import PictureSet
from srcnn.files import temporary_path, write_text
from srcnn.paths import require_within, set_mark
from srcnn.regular import NotRegular, read_regular


def picture_file(folder: Path, name: str) -> Path:
    """File of one rendered picture."""
    return folder / f"{name}.png"


def is_rendered(folder: Path, pictures: PictureSet) -> bool:
    """Whether the folder holds a picture for every picture of the set, made from this set."""
    return not lacking_pictures(folder, pictures)


def lacking_pictures(folder: Path, pictures: PictureSet) -> list[str]:
    """Names of the set's pictures that are not in the folder, or not made from this set."""
    if _made_from(folder) != pictures.set_id:
        return [picture.name for picture in pictures.pictures]
    return missing_pictures(folder, pictures)


def missing_pictures(folder: Path, pictures: PictureSet) -> list[str]:
    """Names of the pictures that are not in the folder."""
    try:
        there = {entry.name for entry in os.scandir(folder)}
    except FileNotFoundError:
        there = set()
    return [picture.name for picture in pictures.pictures if picture_file(folder, picture.name).name not in there]


def open_folder(folder: Path, pictures: PictureSet, study: Path) -> None:
    """Make a folder of the study ready for this set: what was made from another set is removed first.

    Raises OutsideStudy if a link leads to it.
    """
    if _made_from(folder) == pictures.set_id:
        return
    if os.path.lexists(folder):
        require_within(folder, study)
    remove_folder(folder)
    write_text(set_mark(folder), pictures.set_id)


def remove_folder(folder: Path) -> None:
    """Delete a folder at once for all who look: it is renamed before its files are deleted."""
    doomed = temporary_path(folder)
    try:
        folder.rename(doomed)
    except FileNotFoundError:
        return
    shutil.rmtree(doomed, ignore_errors=True)


def _made_from(folder: Path) -> str | None:
    try:
        return read_regular(set_mark(folder)).decode(errors="replace")
    except (FileNotFoundError, IsADirectoryError, NotRegular):
        return None
