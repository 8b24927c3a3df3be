"""Folders of rendered pictures: one a set and view, tied to the content of the set."""

from pathlib import Path

from srcnn.paths import set_mark
from srcnn.regular import NotRegular, read_regular


def picture_file(folder: Path, name: str) -> Path:
    """The file of one rendered picture."""
    return folder / f"{name}.png"


def made_from(folder: Path) -> str | None:
    """The id of the set that a folder's pictures were made from; None if it does not say."""
    try:
        return read_regular(set_mark(folder)).decode(errors="replace")
    except (FileNotFoundError, IsADirectoryError, NotRegular):
        return None
