"""The list of a set's pictures as last submitted, ``s….json``: what the files hold, and where they are."""

import base64
from pathlib import PurePath
from typing import Any, TypedDict

from srcnn.files import read_json
from srcnn.paths import RootPaths
from srcnn.records import record

THUMBNAIL = 16  # pixels each way


class PictureContent(TypedDict):
    """What a picture file holds; ``thumbnail`` is 16x16 grey, base64.

    ``digest`` is the hash of the pixels, from which a set's id is made, ``content`` that of the file's bytes. ``grey``
    says that the file stores one band.
    """

    digest: str
    height: int
    width: int
    thumbnail: str
    grey: bool
    content: str


class ListedPicture(PictureContent):
    """A picture of a set: its path, and its name, which the files that are made of it have, too.

    ``frame`` is its number in the clip at that path, from 1; None where the path is the picture's own.
    """

    name: str
    path: str
    frame: int | None


_listed = record(list[ListedPicture])


def read_list(root: RootPaths, set_id: str) -> list[ListedPicture] | None:
    """Return the pictures of a set; None if there is no such list. Raises DamagedFile."""
    pictures: list[ListedPicture] | None = read_json(root.pictures(set_id), _sound_list)
    return pictures


def _sound_list(value: Any) -> list[ListedPicture]:
    pictures: list[ListedPicture] = _listed(value)
    for picture in pictures:
        require_sound(picture)
        parts = PurePath(picture["name"]).parts
        if not parts or picture["name"].startswith("/") or ".." in parts:
            raise ValueError(f"{picture['name']!r} names no picture in a folder")
    return pictures


def require_sound(about: PictureContent) -> None:
    """Raise ValueError for a size that no picture has, or that no thumbnail has."""
    if about["height"] < 1 or about["width"] < 1:
        raise ValueError(f"no picture has {about['width']}x{about['height']} pixels")
    if len(base64.b64decode(about["thumbnail"])) != THUMBNAIL**2:
        raise ValueError(f"a thumbnail has {THUMBNAIL}x{THUMBNAIL} pixels")
