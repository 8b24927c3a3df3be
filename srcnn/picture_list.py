"""The list of a set's pictures as last submitted, ``s….json``: what each file holds, where it is."""

import base64
from pathlib import PurePath
from typing import Any, TypedDict

from srcnn.files import read_json
from srcnn.paths import RootPaths
from srcnn.records import record

THUMBNAIL = 16  # pixels each way


class PictureContent(TypedDict):
    """What a picture file holds; ``thumbnail`` is 16x16 grey, base64.

    ``digest`` is of the pixels and is what a set's id is made from, ``content`` of the file's bytes. ``grey``: the
    file stores one band.
    """

    digest: str
    height: int
    width: int
    thumbnail: str
    grey: bool
    content: str


class ListedPicture(PictureContent):
    """A picture of a set: its name, which names the files that are made of it, too, and its path."""

    name: str
    path: str


_listed = record(list[ListedPicture])


def read_list(root: RootPaths, set_id: str) -> list[ListedPicture] | None:
    """The pictures of a set; None if there is no such list. Raises DamagedFile."""
    found: list[ListedPicture] | None = read_json(root.pictures(set_id), _sound_list)
    return found


def _sound_list(value: Any) -> list[ListedPicture]:
    pictures: list[ListedPicture] = _listed(value)
    for each in pictures:
        require_sound(each)
        parts = PurePath(each["name"]).parts
        if not parts or each["name"].startswith("/") or ".." in parts:
            raise ValueError(f"{each['name']!r} names no picture in a folder")
    return pictures


def require_sound(about: PictureContent) -> None:
    """Raise ValueError for a size that no picture has, or a thumbnail of another one."""
    if about["height"] < 1 or about["width"] < 1:
        raise ValueError(f"no picture has {about['width']}x{about['height']} pixels")
    if len(base64.b64decode(about["thumbnail"])) != THUMBNAIL**2:
        raise ValueError(f"a thumbnail has {THUMBNAIL}x{THUMBNAIL} pixels")
