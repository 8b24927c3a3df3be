"""Two folders of pictures, paired by name: originals, and what a method made of them."""

import os
from dataclasses import dataclass
from pathlib import Path

from jobs.names import by_name, no_utf8
from jobs.pictures import find_files
from srcnn.paths import RootPaths


@dataclass(frozen=True)
class FilePair:
    """A picture and its restoration, and the names that their scores carry."""

    name: str
    reference: Path
    estimate: Path
    set: str
    method: str


def pairs_of(reference: Path, estimate: Path) -> tuple[list[FilePair], list[str]]:
    """Return the pairs of one name, and complaints about the pictures that are left out.

    Raises ValueError if there is none, or if one folder holds two pictures of one name.
    """
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
