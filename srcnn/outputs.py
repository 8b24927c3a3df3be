"""What a task leaves behind, and whether it is there: the one meaning of "done", for plan, tasks and status alike."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, NotRequired, TypedDict, get_args

from srcnn.damage import DamagedFile
from srcnn.files import holds, names_in
from srcnn.history import best_epoch, last_epoch
from srcnn.inputs import inputs_file, report_inputs
from srcnn.paths import RootPaths, StudyPaths
from srcnn.picture_list import read_list
from srcnn.rendered import made_from, picture_file
from srcnn.shards import find_shard, has_shard
from srcnn.whole import is_cut

Kind = Literal["file", "history", "pictures", "shard", "report"]
KINDS: tuple[Kind, ...] = get_args(Kind)
EPOCH = "{epoch}"  # stands in the name of a place for each epoch, in four digits


class OutputRecord(TypedDict):
    """An output in ``contents.json``; the place is relative to the study's folder."""

    kind: Kind
    place: str
    epochs: NotRequired[list[int]]
    history: NotRequired[str]
    set_id: NotRequired[str]


@dataclass(frozen=True)
class Output:
    """Files of one kind that a task makes: at one place, or, where that names the epoch, at one for each of ``epochs``.

    The kinds: ``file`` is a file, ``history`` one of a training, up to the last of ``epochs``, ``pictures`` a folder
    with every picture of the set whose list is ``pictures``, ``shard`` a file of scores, wherever it lies by now,
    ``report`` a page that shows what is there. With ``history`` only the epoch counts that is best by that file.
    """

    kind: Kind
    place: Path
    epochs: tuple[int, ...] = ()
    pictures: Path | None = None
    history: Path | None = None

    def places(self) -> Iterator[tuple[int, Path]]:
        """Give the epochs with their places; epoch 0 for what belongs to none."""
        if EPOCH not in str(self.place):
            yield 0, self.place
            return
        for epoch in (best_epoch(self.history, self.epochs),) if self.history else self.epochs:
            yield epoch, Path(str(self.place).replace(EPOCH, f"{epoch:04d}"))

    def to_json(self, study: StudyPaths) -> OutputRecord:
        """Return the output as ``contents.json`` has it."""
        about: OutputRecord = {"kind": self.kind, "place": os.path.relpath(self.place, study.folder)}
        if self.epochs:
            about["epochs"] = list(self.epochs)
        if self.pictures:
            about["set_id"] = self.pictures.stem
        if self.history:
            about["history"] = os.path.relpath(self.history, study.folder)
        return about

    @classmethod
    def from_json(cls, about: OutputRecord, study: StudyPaths) -> "Output":
        """Return the output that a record describes."""
        place = Path(os.path.normpath(study.folder / about["place"]))
        pictures = study.root.pictures(about["set_id"]) if "set_id" in about else None
        history = Path(os.path.normpath(study.folder / about["history"])) if "history" in about else None
        return cls(about["kind"], place, tuple(about.get("epochs", ())), pictures, history)


def require_own_place(place: str) -> None:
    """Raise ValueError for a place, relative to a study's folder, outside of that and of the root's data."""
    normal = os.path.normpath(place)
    if os.path.isabs(normal) or (normal.split(os.sep)[0] == ".." and not normal.startswith(f"..{os.sep}data{os.sep}")):
        raise ValueError(f"{place} lies outside of the study")


class Shelf:
    """What lies in folders, of which every one is looked at once."""

    def __init__(self) -> None:
        self._names = lru_cache(maxsize=None)(names_in)
        self._wanted = lru_cache(maxsize=None)(_names_of_pictures)

    def is_done(self, outputs: Iterable[Output]) -> bool:
        """Say whether all of a task's outputs are there, and whole by their ends.

        Raises OSError for one that cannot be read.
        """
        return all(self.has(output) and not self.damaged(output) for output in outputs)

    def has(self, output: Output) -> bool:
        """Say whether all of an output is there."""
        return not any(True for _ in self.lacking(output))

    def lacking(self, output: Output) -> Iterator[int]:
        """Give the epochs of an output that are not there, 0 for what belongs to none."""
        check = _CHECKS[output.kind]
        return (epoch for epoch, place in output.places() if not check(self, output, place))

    def files_lacking(self, output: Output) -> int:
        """Return how many files of an output are not there."""
        return sum(self._lacking_at(output, place) for _, place in output.places())

    def _lacking_at(self, output: Output, place: Path) -> int:
        if _CHECKS[output.kind](self, output, place):
            return 0
        if output.kind != "pictures" or output.pictures is None:
            return 1
        there = self._names(place) if made_from(place) == output.pictures.stem else frozenset()
        return len((self._wanted(output.pictures) or frozenset()).difference(there))

    def damaged(self, output: Output) -> Path | None:
        """Return an output's first file of scores or patches that is not whole by its ends; None if there is none."""
        if output.kind == "shard":
            shards = (find_shard(place) for _, place in output.places())
            files = dict.fromkeys(shard.file for shard in shards if shard)
        elif output.place.suffix == ".h5":
            files = {output.place: None}
        else:
            return None
        return next(filter(is_cut, files), None)

    def _is_file(self, output: Output, place: Path) -> bool:
        return place.name in self._names(place.parent)

    def _is_shard(self, output: Output, place: Path) -> bool:
        names = self._names(place.parent)
        return place.name in names or (any(name.startswith("compact-") for name in names) and has_shard(place))

    def _is_history(self, output: Output, place: Path) -> bool:
        return self._is_file(output, place) and last_epoch(place) >= max(output.epochs, default=0)

    def _holds_pictures(self, output: Output, place: Path) -> bool:
        if output.pictures is None or made_from(place) != output.pictures.stem:
            return False
        # Where the list is gone nobody can say what is lacking; the next submit writes it again.
        return (self._wanted(output.pictures) or frozenset()) <= self._names(place)

    def _shows_what_is_there(self, output: Output, place: Path) -> bool:
        study = StudyPaths(place.parents[1])
        return self._is_file(output, place) and holds(inputs_file(study), report_inputs(study))


def _names_of_pictures(file: Path) -> frozenset[str] | None:
    """Return the names of a set's restored pictures, by the list of the set; None if there is no such list."""
    try:
        pictures = read_list(RootPaths(file.parents[1]), file.stem)
    except DamagedFile:
        return None
    return None if pictures is None else frozenset(picture_file(Path(), listed["name"]).name for listed in pictures)


_CHECKS: dict[Kind, Callable[[Shelf, Output, Path], bool]] = {
    "file": Shelf._is_file,
    "history": Shelf._is_history,
    "pictures": Shelf._holds_pictures,
    "shard": Shelf._is_shard,
    "report": Shelf._shows_what_is_there,
}
