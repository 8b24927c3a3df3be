"""Lists of pictures, known by their content, from names, folders and globs.

A set's id hashes the names and pixels of its pictures, so it stays the same when a folder moves
and changes when a picture does.
"""

import base64
import glob
import hashlib
import importlib.util
import itertools
import os
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Any, Literal, TypedDict, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jobs.job import usable_cores
from jobs.names import by_name, unnameable
from srcnn.clips import clip_digest, clip_of, frame_name, is_clip, read_frames, read_pixels
from srcnn.files import (
    CLIP_SUFFIXES,
    PICTURE_SUFFIXES,
    PictureError,
    holds,
    read_cache,
    read_hashed,
    write_json,
)
from srcnn.identity import short_hash
from srcnn.paths import RootPaths
from srcnn.picture_list import THUMBNAIL, PictureContent, read_list, require_sound
from srcnn.records import record
from srcnn.terminal import Terminal

# Photographs that come inside scikit-image's wheel: public domain or CC0, no download needed.
BUNDLED = {
    name.split(".")[0]: name
    for name in (
        "astronaut.png",
        "brick.png",
        "camera.png",
        "chelsea.png",
        "coffee.png",
        "coins.png",
        "grass.png",
        "gravel.png",
        "rocket.jpg",
    )
}
MANY = 50  # files, whose reading a person would rather watch
Result = TypeVar("Result")
FETCHED = ("bsds500", "set5", "set14", "t91")
# Files that hold pictures, too: where they are passed over, a note says so.
UNREAD_SUFFIXES = frozenset(
    {".jfif", ".jpe", ".dib", ".jp2", ".j2k", ".jxl", ".avif", ".heic", ".heif", ".tga", ".pbm", ".pnm", ".pcx", ".exr"}
    | {".hdr", ".dng", ".nef", ".cr2", ".cr3", ".arw", ".raw", ".psd"}
)


class MissingPictures(ValueError):
    """A source of pictures that is not there, with what to do about it."""

    page = "how-to/pictures.md"


@dataclass(frozen=True)
class Picture:
    """One picture file, or one frame of a clip, and what is in it; ``thumbnail`` is 16x16 grey, base64.

    ``digest`` is the hash of the pixels, from which a set's id is made, ``content`` that of the file's bytes.
    """

    name: str
    path: str
    digest: str
    height: int
    width: int
    thumbnail: str
    grey: bool = False  # stored in one band
    content: str = ""
    frame: int | None = None  # its number in the clip at ``path``, from 1

    @property
    def group(self) -> str:
        """The name of what it stands and falls with: the clip that it is a frame of, or itself."""
        return self.name if self.frame is None else clip_of(self.name)

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return self.path if self.frame is None else f"{self.path}, frame {self.frame}"

    def read(self) -> NDArray[np.uint8]:
        """Return the pixels (height, width, 3), uint8, checked to be those that ids were made from.

        Raises PictureError, also for a picture that was changed since: size and time of its file do not tell.
        """
        path = Path(self.path)
        if self.frame is None:
            pixels, _, content = read_hashed(path)
            known = content == self.content or _digest(pixels, self.grey) == self.digest
        else:
            pixels = read_pixels(path, self.frame)
            known = _digest(pixels, self.grey) == self.digest or clip_digest(path) == self.content
        # Another decoder on another machine may differ in the last bit of the pixels of one and the same file.
        if not known:
            raise PictureError(
                f"{self.place}: is another picture than when the study was submitted; bring that one back, or submit "
                "again with --verify"
            )
        return pixels


@dataclass(frozen=True)
class PictureSet:
    """Pictures in order, with the id of their content.

    ``disguised`` are files whose content changed while their size and time did not; only ``verify`` finds all.
    """

    set_id: str
    pictures: tuple[Picture, ...]
    disguised: tuple[str, ...] = ()

    def save(self, root: RootPaths) -> None:
        """Write the list to where stages read it, unless the same list is there."""
        value = [asdict(picture) for picture in self.pictures]
        if not holds(root.pictures(self.set_id), value):
            write_json(root.pictures(self.set_id), value)


@dataclass(frozen=True)
class SetRef:
    """A set to restore and score: its name, its group (``test`` or ``eval``) and its content's id."""

    name: str
    group: Literal["test", "eval"]
    set_id: str


def clips_of(pictures: PictureSet) -> dict[str, int]:
    """Return the number of frames of each clip of a set, by its name."""
    return dict(Counter(picture.group for picture in pictures.pictures if picture.frame is not None))


def set_ids(sets: Iterable[SetRef]) -> dict[str, str]:
    """Return the content's id of every set, by name."""
    return {set_ref.name: set_ref.set_id for set_ref in sets}


@lru_cache(maxsize=64)
def load_set(root: RootPaths, set_id: str) -> PictureSet:
    """Return the list of a set's pictures as last submitted. Raises MissingPictures if it is gone."""
    pictures = read_list(root, set_id)
    if pictures is None:
        raise MissingPictures(f"{root.pictures(set_id)} is gone; submit the study again")
    return PictureSet(set_id, tuple(Picture(**fields) for fields in pictures))


def is_named(source: str) -> bool:
    """Say whether a source is a public or bundled set rather than a path."""
    return PurePath(source).parts[:1] and PurePath(source).parts[0] in ("bundled", *FETCHED)  # type: ignore[return-value]


def find_files(source: str, root: RootPaths, data_root: Path | None) -> list[Path]:
    """Return the picture files of one source, sorted by name.

    A source is ``bundled[/NAME]``, a public set ``NAME[/PART]`` or one picture of it ``NAME/PART/FILE``, looked for
    below ``data_root`` and then among the downloads, a folder, a file or a glob. Raises MissingPictures if there are
    none.
    """
    if not is_named(source):
        return _files_at(source)
    name, *part = PurePath(source).parts
    if name == "bundled":
        return _bundled(part)
    for folder in filter(None, (data_root, root.downloads)):
        place = folder.joinpath(name, *part)
        files = [place] if place.suffix.lower() in PICTURE_SUFFIXES and place.is_file() else _pictures_below(place)
        if files:
            return files
    places = " or ".join(str(folder) for folder in (data_root, root.downloads) if folder)
    raise MissingPictures(
        f"the pictures of {source!r} are not in {places}; "
        f"fetch them with: python -m jobs.fetch {name} --root {root.root} (or name their folder with --data-root)"
    )


def _bundled(part: list[str]) -> list[Path]:
    if len(part) > 1 or (part and part[0] not in BUNDLED):
        raise MissingPictures(f"no bundled picture {'/'.join(part)!r}; known: {', '.join(BUNDLED)}")
    spec = importlib.util.find_spec("skimage")  # found, not imported: that costs a second
    if spec is None or not spec.submodule_search_locations:
        raise MissingPictures("the bundled pictures come with scikit-image, which is not installed")
    folder = Path(spec.submodule_search_locations[0]) / "data"
    return [folder / BUNDLED[name] for name in (part or BUNDLED)]


def _files_at(source: str) -> list[Path]:
    path = Path(source).expanduser()
    if path.is_dir():
        files = _pictures_below(path)
    elif path.is_file():
        files = [path]
    else:
        matches = (Path(name) for name in glob.glob(str(path), recursive=True))
        # Clips among photographs are seldom meant: a glob takes them if it says so, as *.mp4 does.
        suffixes = PICTURE_SUFFIXES | CLIP_SUFFIXES if is_clip(path) else PICTURE_SUFFIXES
        files = sorted(file for file in matches if file.suffix.lower() in suffixes)
    if not files:
        clips = "".join(f"; {note}" for note in _clips_below(path))
        raise MissingPictures(
            f"no pictures at {source!r}; expected a folder, a file, a glob or one of: bundled, {', '.join(FETCHED)}"
            f"{clips}"
        )
    return files


def _pictures_below(folder: Path) -> list[Path]:
    """Return the pictures in a folder; those in its subfolders if it holds none itself."""
    by_folder = _walk(folder, PICTURE_SUFFIXES, _unreadable)
    return next(by_folder, []) or sorted(itertools.chain(*by_folder))


def _unreadable(error: OSError) -> None:
    """Raise PictureError for a folder that cannot be looked into: without its pictures the set would be another."""
    if isinstance(error, FileNotFoundError):
        return
    raise PictureError(f"{error.filename}: cannot be looked into ({error.strerror}), and may hold pictures") from error


def _walk(
    folder: Path, suffixes: Collection[str], on_fault: Callable[[OSError], None] | None = None
) -> Iterator[list[Path]]:
    """Give the files of some kinds in a folder, then in every subfolder, also linked ones; leave out hidden ones."""
    seen = set()
    for place, folders, names in os.walk(folder, onerror=on_fault, followlinks=True):
        there = os.path.realpath(place)
        if there in seen:  # a link to a folder above
            folders.clear()
            continue
        seen.add(there)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        visible = [name for name in sorted(names) if not name.startswith(".")]
        yield [Path(place, name) for name in visible if PurePath(name).suffix.lower() in suffixes]


def _clips_below(folder: Path) -> list[str]:
    """Return a note on the clips in a folder and below, which are taken by name only; none if there are none."""
    clips = list(itertools.chain(*_walk(folder, CLIP_SUFFIXES)))
    if not clips:
        return []
    example = clips[0].parent / f"*{clips[0].suffix}"
    return [f"clips are not taken from a folder ({len(clips)} in {folder}); name them, or {example}"]


def passed_over(source: str) -> list[str]:
    """Return notes on what a folder holds that may have been meant and is not taken; none for other sources."""
    folder = Path(source).expanduser()
    if is_named(source) or not folder.is_dir():
        return []
    everything = list(itertools.chain(*_walk(folder, PICTURE_SUFFIXES | UNREAD_SUFFIXES)))
    taken = set(_pictures_below(folder))
    notes = _clips_below(folder)
    below = [file for file in everything if file not in taken and file.suffix.lower() in PICTURE_SUFFIXES]
    if below:
        notes.append(
            f"{folder} holds pictures itself, so those in its subfolders are not taken ({len(below)}, such as "
            f"{below[0].relative_to(folder)}); name the subfolders too, or {folder / '**' / '*'}"
        )
    kinds = Counter(file.suffix.lower() for file in everything if file.suffix.lower() in UNREAD_SUFFIXES)
    if kinds:
        names = ", ".join(sorted(kinds))
        notes.append(
            f"{kinds.total()} files below {folder} are of kinds that are not read ({names}); convert them to PNG"
        )
    return notes


def read_set(
    sources: Iterable[str], root: RootPaths, data_root: Path | None = None, verify: bool = False
) -> PictureSet:
    """Return the pictures of some sources; a file is read to know its content, which is then remembered.

    A file whose size and time are as remembered is not read again, unless to ``verify``.

    Raises MissingPictures for an empty source, PictureError for unusable files (it lists all)
    and for two files of one name.
    """
    files = list(dict.fromkeys(file for source in sources for file in find_files(source, root, data_root)))
    names = by_name({file: PurePath(file.name) for file in files})
    errors = [fault for name, file in names.items() if (fault := unnameable(file, name))]
    cache = read_cache(root.fingerprints, _fingerprints) or {}
    stamps = {file: _stamp(file) for file in files}
    known = {file: cache[str(file)] for file in files if str(file) in cache}
    same = {file for file in known if known[file]["stamp"] == stamps[file]}
    new = [file for file in files if verify or file not in same]
    disguised = []
    try:
        with ThreadPoolExecutor(usable_cores()) as threads:
            for file, content in zip(new, _watched(threads.map(_contents, new), len(new)), strict=True):
                if isinstance(content, PictureError):
                    errors.append(str(content))
                    continue
                if file in same and _digests(known[file]["pictures"]) != _digests(content):
                    disguised.append(str(file))
                cache[str(file)] = {"stamp": stamps[file], "pictures": content}
    finally:  # what was read stays known, whatever ends the reading
        if any(cache.get(str(file), {}).get("stamp") == stamps[file] for file in new):
            write_json(root.fingerprints, cache)
    if errors:
        raise PictureError("unusable pictures:\n  " + "\n  ".join(errors))
    shown = (_shown(name, file, cache[str(file)]["pictures"]) for name, file in names.items())
    pictures = tuple(itertools.chain(*shown))
    _refuse_doubles(pictures)
    # What a picture stands and falls with is part of what it is: frames that were saved one by one are another set.
    parts = [[p.name, p.digest] if p.frame is None else [p.name, p.digest, "frame"] for p in pictures]
    return PictureSet(short_hash("s", parts), pictures, tuple(disguised))


def _watched(contents: Iterator[Result], count: int) -> Iterator[Result]:
    """Give the contents of files as they are read; where there are many, a person at a terminal sees how many are."""
    if count < MANY or not sys.stderr.isatty():
        return contents
    from rich.progress import track  # commands that read few pictures do without

    console = Terminal(stderr=True)
    return iter(track(contents, "reading pictures", total=count, console=console, transient=True))


def _shown(name: str, file: Path, contents: list[PictureContent]) -> Iterator[Picture]:
    """Give the picture in a file, or the frames of a clip."""
    if not is_clip(file):
        yield Picture(name, str(file), **contents[0])
        return
    for number, content in enumerate(contents, 1):
        yield Picture(frame_name(name, number), str(file), **content, frame=number)


def _refuse_doubles(pictures: Iterable[Picture]) -> None:
    """Raise PictureError where a picture has the name of a clip's frame; other doubles are refused before."""
    first: dict[str, Picture] = {}
    for picture in pictures:
        other = first.setdefault(picture.name.lower(), picture)
        if other is not picture:
            raise PictureError(f"two pictures of one name: {other.place} and {picture.place}; rename one file")


def _digests(contents: list[PictureContent]) -> list[str]:
    return [content["digest"] for content in contents]


def _stamp(file: Path) -> tuple[int, int]:
    try:
        stat = file.stat()
    except OSError:  # reading it says why
        return -1, -1
    return stat.st_size, stat.st_mtime_ns


class Fingerprint(TypedDict):
    """The content of a file as remembered: its picture, or the frames of a clip.

    ``stamp`` is the size and time of the file that was read.
    """

    stamp: tuple[int, int]
    pictures: list[PictureContent]


def _fingerprints(value: Any) -> dict[str, Fingerprint]:
    fingerprints: dict[str, Fingerprint] = record(dict[str, Fingerprint])(value)
    for fingerprint in fingerprints.values():
        if not fingerprint["pictures"]:
            raise ValueError("a file holds one picture at least")
        for content in fingerprint["pictures"]:
            require_sound(content)
    return fingerprints


def _contents(path: Path) -> list[PictureContent] | PictureError:
    try:
        if not is_clip(path):
            return [_content(*read_hashed(path))]
        content = clip_digest(path)
        return [_content(frame, False, content) for frame in read_frames(path)]
    except PictureError as error:
        return error


def _content(picture: NDArray[np.uint8], in_one_band: bool, content: str) -> PictureContent:
    grey = Image.fromarray(picture).convert("L").resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    return {
        "digest": _digest(picture, in_one_band),
        "height": picture.shape[0],
        "width": picture.shape[1],
        "thumbnail": base64.b64encode(grey.tobytes()).decode(),
        "grey": in_one_band,
        "content": content,
    }


def _digest(picture: NDArray[np.uint8], grey: bool) -> str:
    header = f"{picture.shape}{' grey' if grey else ''}".encode()
    return hashlib.sha256(header + picture.tobytes()).hexdigest()
