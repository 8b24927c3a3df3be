"""The registry of the public sets: an archive's address, and every picture known by its content."""

import hashlib
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from srcnn.files import PICTURE_SUFFIXES, read_picture
from srcnn.regular import NotRegular, read_regular

PACKAGED = Path(__file__).with_name("fetch_registry.json")
JPEG_SUFFIXES = frozenset({".jpg", ".jpeg"})
DIGITS = 20  # 80 bits tell pictures apart, and keep the file a third as large


class RegistryError(ValueError):
    """A registry file that cannot be used, with the reason."""


def _inside(target: str) -> str:
    path = PurePosixPath(target)
    if path.is_absolute() or ".." in path.parts or not path.suffix:
        raise ValueError("expected a picture's path inside the set's folder")
    return target


class PublicSet(BaseModel):
    """One set. ``pictures`` maps paths inside its folder to checksums, as ``checksum`` makes them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None
    pictures: dict[
        Annotated[str, AfterValidator(_inside)], Annotated[str, Field(pattern=f"^[0-9a-f]{{{DIGITS}}}$")]
    ] = Field(min_length=1)

    def targets(self) -> dict[str, list[str]]:
        """Return the paths by checksum: more than one where a set holds a picture twice, as T91 does."""
        paths: dict[str, list[str]] = {}
        for target, known in self.pictures.items():
            paths.setdefault(known, []).append(target)
        return paths

    def faults(self, folder: Path) -> list[str]:
        """Return the paths of the set's pictures that are not in a folder, or differ there."""
        return [target for target, known in self.pictures.items() if checksum(folder / target) != known]


class Registry(BaseModel):
    """All sets by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    about: str = ""
    sets: dict[str, PublicSet]


def read_registry(file: Path) -> Registry:
    """Return the sets in a registry file. Raises RegistryError."""
    try:
        return Registry.model_validate_json(read_regular(file))
    except OSError as error:
        raise RegistryError(f"{file}: {error.strerror}" if error.strerror else str(error)) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise RegistryError(f"{file}: {place + ': ' if place else ''}{first['msg']}") from error


def make_registry(data_root: Path, urls: dict[str, str], about: str = "") -> Registry:
    """Return the registry of the sets that lie in folders of their names below ``data_root``.

    After its sets or their pictures change, the packaged one is made anew by::

        old = read_registry(PACKAGED)
        new = make_registry(Path("data"), {name: old_set.url for name, old_set in old.sets.items()}, old.about)
        write_json(PACKAGED, new.model_dump())

    The archives' own checksums are left open. Raises ValueError for a broken picture.
    """
    sets = {
        name: PublicSet(url=url, sha256=None, pictures=_pictures(data_root / name))
        for name, url in sorted(urls.items())
    }
    return Registry(about=about, sets=sets)


def _pictures(folder: Path) -> dict[str, str]:
    pictures = {}
    for file in sorted(folder.rglob("*")):
        if file.suffix.lower() in PICTURE_SUFFIXES:
            known = checksum(file)
            if known is None:
                raise ValueError(f"{file}: is not a usable picture")
            pictures[file.relative_to(folder).as_posix()] = known
    return pictures


def checksum(file: Path) -> str | None:
    """Return the first digits of a SHA-256 of a picture; None if the file is not a usable picture.

    A JPEG's bytes are hashed, because decoders differ in their last bit; of any other picture its size and
    RGB pixels, because mirrors store the same ones as BMP, or as PNG packed in other ways.
    """
    try:
        if file.suffix.lower() in JPEG_SUFFIXES:
            return hashlib.sha256(read_regular(file)).hexdigest()[:DIGITS]
        pixels = read_picture(file)
    except (FileNotFoundError, IsADirectoryError, NotRegular, ValueError):
        return None
    return hashlib.sha256(f"{pixels.shape}".encode() + pixels.tobytes()).hexdigest()[:DIGITS]
