"""Two folders of pictures, paired by name, or two clips, by frames: originals, and what a method made of them."""

import os
from dataclasses import dataclass
from pathlib import Path, PurePath

from jobs.names import by_name, no_utf8, picture_name
from jobs.pictures import find_files
from srcnn.clips import clip_facts, count_frames, frame_name, is_clip
from srcnn.paths import RootPaths
from srcnn.words import counted


@dataclass(frozen=True)
class FilePair:
    """A picture and its restoration, and the names that their scores carry; of two clips the frame of this number."""

    name: str
    reference: Path
    estimate: Path
    set: str
    method: str
    frame: int | None = None

    @property
    def place(self) -> str:
        """Where the restoration is, for people."""
        return str(self.estimate) if self.frame is None else f"{self.estimate}, frame {self.frame}"


def pairs_of(reference: Path, estimate: Path) -> tuple[list[FilePair], list[str]]:
    """Return the pairs of one name, and complaints about the pictures that are left out.

    Raises ValueError if there is none, or if one folder holds two pictures of one name.
    """
    clips = [place for place in (reference, estimate) if is_clip(place) and not place.is_dir()]
    if len(clips) == 1:
        raise ValueError(f"{clips[0]} is a clip; name two clips or two folders, not one of each")
    if clips:
        return frame_pairs(reference, estimate), []
    left_out: list[str] = []
    references, estimates = (_pictures(folder, left_out) for folder in (reference, estimate))
    names = _label(reference), _label(estimate)
    pairs = [
        FilePair(name, references[name], estimates[name], *names)
        for name in sorted(references.keys() & estimates.keys())
    ]
    if not pairs:
        raise ValueError(f"no picture of {estimate} has the name of one in {reference}")
    left_out += _alone(references, estimates, estimate)
    left_out += _alone(estimates, references, reference)
    return pairs, left_out


def frame_pairs(reference: Path, estimate: Path) -> list[FilePair]:
    """Return the pairs of the frames of two clips. Raises ValueError for two lengths, or a broken frame."""
    count, other = count_frames(reference), count_frames(estimate)
    if count != other:
        raise ValueError(f"{reference} has {counted(count, 'frame')}, and {estimate} has {other}")
    clip, names = picture_name(PurePath(reference.name)), (_label(reference), _label(estimate))
    if fault := no_utf8(reference, clip):
        raise ValueError(fault)
    return [FilePair(frame_name(clip, number), reference, estimate, *names, number) for number in range(1, count + 1)]


def require_one_size(reference: Path, estimate: Path) -> None:
    """Raise ValueError for clips of two sizes."""
    sizes = [f"{facts.width}x{facts.height}" for facts in map(clip_facts, (reference, estimate))]
    if sizes[0] != sizes[1]:
        raise ValueError(f"{reference} is of {sizes[0]} pixels, and {estimate} of {sizes[1]}")


def _pictures(folder: Path, left_out: list[str]) -> dict[str, Path]:
    """Return the pictures of a folder by their paths below it; leave out names that cannot stand in a table."""
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder")
    place = folder.absolute()
    named = by_name({file: file.relative_to(place) for file in find_files(str(place), RootPaths(Path()), None)})
    faults = {name: no_utf8(file, name) for name, file in named.items()}
    left_out += [fault for fault in faults.values() if fault]
    return {name: file for name, file in named.items() if not faults[name]}


def _alone(files: dict[str, Path], others: dict[str, Path], folder: Path) -> list[str]:
    """Return complaints about the pictures without a partner among ``others``, the pictures of ``folder``."""
    alike = {name.lower(): file for name, file in others.items()}
    reasons = []
    for name, file in files.items():
        if name not in others:
            near = alike.get(name.lower())
            hint = f" ({near.name} differs in upper and lower case)" if near else ""
            reasons.append(f"{file}: no picture of this name in {folder}{hint}")
    return reasons


def _label(folder: Path) -> str:
    """Return the name of a folder as text for a table, which is UTF-8."""
    return os.fsencode(folder.resolve().name).decode("utf-8", "backslashreplace")
