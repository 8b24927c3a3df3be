"""The places of the shards of the score table: each in a file of its own, or many in a compacted one.

A shard is known by the path that ``StudyPaths.shard`` gives it. ``python -m analysis.compact``
merges the shards of one folder into ``compact-<id>.parquet``; ``compact-<id>.json`` beside it says
which rows are which shard, and a Parquet file without that index does not count. A shard may be in
several places at once while files are being merged: a file of its own is the newest, then the
compacted file of the highest generation. Whoever asks by name, as all here do, finds one of them.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypedDict

from srcnn.aside import Aside
from srcnn.damage import set_aside
from srcnn.files import read_cache, write_json
from srcnn.records import record
from srcnn.whole import is_cut

COMPACTED = "compact-*.json"
PARTIAL = ".partial.parquet"
UNFINISHED = ".unfinished.jsonl"
_SHARD = re.compile(
    r"(e[0-9a-f]{10}-\d{4,}-\d{3,}of\d{3,})(\.parquet|\.partial\.parquet|\.unfinished\.jsonl)", re.ASCII
)


@dataclass(frozen=True)
class ShardPlace:
    """A shard's place: the Parquet file that holds it, and which of its rows are the shard (None: all)."""

    name: str
    file: Path
    first: int = 0
    rows: int | None = None
    made_from: str | None = None


@dataclass(frozen=True)
class CompactedFile:
    """A compacted file and its index: shard name -> first row, number of rows, what it was made from."""

    index: Path
    generation: int
    shards: Mapping[str, Mapping[str, Any]]

    @property
    def file(self) -> Path:
        """The Parquet file."""
        return self.index.with_suffix(".parquet")

    def place(self, name: str) -> ShardPlace:
        """Return a shard's place in this file. Raises KeyError if it is not here."""
        entry = self.shards[name]
        return ShardPlace(name, self.file, entry["first"], entry["rows"], entry["made_from"])


def has_shard(shard: Path) -> bool:
    """Say whether a shard is there, wherever it lies."""
    return find_shard(shard) is not None


def find_shard(shard: Path) -> ShardPlace | None:
    """Return a shard's place; None if it is nowhere."""
    for _ in range(2):  # a listing may miss both the old and the new index while one replaces the other
        if shard.exists():
            return ShardPlace(shard.name, shard)
        for compacted in compacted_files(shard.parent):
            if shard.name in compacted.shards:
                return compacted.place(shard.name)
    return None


def partial_shard(shard: Path) -> Path:
    """Return the file that stands in for a shard of which some pictures could not be scored.

    Its rows are read with those of the shards; the shard counts as missing, so that it is tried again.
    """
    return shard.with_name(shard.stem + PARTIAL)


def unfinished_shard(shard: Path) -> Path:
    """Return the file that keeps the rows of a shard as they come, until the shard is written."""
    return shard.with_suffix(UNFINISHED)


def shards_in(folder: Path) -> dict[str, ShardPlace]:
    """Return the places of a folder's shards by file name, in order."""
    # The files first: a shard that is merged after this look is then found in an index.
    loose = [path for path in folder.glob("*.parquet") if is_loose(path) and is_shard(path)]
    places = {}
    for compacted in reversed(compacted_files(folder)):
        places.update({name: compacted.place(name) for name in compacted.shards})
    places.update({path.name: ShardPlace(path.name, path) for path in loose if path.exists()})
    return dict(sorted(places.items()))


def is_shard(path: Path) -> bool:
    """Say whether a Parquet file has the name of a shard; any other beside it is somebody's own."""
    return shard_of(path.name) == path.name


def shard_of(name: str) -> str | None:
    """Return the name of the shard that a file is, stands in for or is to become; None for any other file."""
    match = _SHARD.fullmatch(name)
    return f"{match[1]}.parquet" if match else None


def is_loose(path: Path) -> bool:
    """Say whether a Parquet file is one shard, neither compacted nor partial nor still being written."""
    return not path.name.startswith((".", "compact-")) and not path.name.endswith(PARTIAL)


def has_rows(shard: Path) -> bool:
    """Say whether a shard is there, or some of its rows are in its partial file."""
    return has_shard(shard) or partial_shard(shard).exists()


def take_shard(shard: Path, aside: Aside) -> None:
    """Take a shard, and its partial file, out of wherever it lies, so that it is made again.

    In a compacted file its rows stay, but nothing names them any more.
    """
    for compacted in compacted_files(shard.parent):
        if shard.name in compacted.shards:
            kept = {name: dict(entry) for name, entry in compacted.shards.items() if name != shard.name}
            aside.keep(compacted.index)
            write_index(CompactedFile(compacted.index, compacted.generation, kept))
    aside.take(partial_shard(shard))
    aside.take(unfinished_shard(shard))
    aside.take(shard)  # last: an older copy must not take its place if this is interrupted


def compacted_files(folder: Path) -> list[CompactedFile]:
    """Return the compacted files of a folder, newest first."""
    files: list[CompactedFile] = []
    complete = False
    while not complete:
        files, complete = [], True
        for index in folder.glob(COMPACTED):
            try:
                stamp = index.stat()
                compacted = _read_index(index, stamp.st_mtime_ns, stamp.st_ino)
            except FileNotFoundError:  # merged into another since: look for that, unless it is a link to nowhere
                complete &= index.is_symlink()
                continue
            if compacted.file.exists():
                files.append(compacted)
    return sorted(files, key=lambda file: (-file.generation, file.index.name))


@lru_cache(maxsize=4096)
def _read_index(index: Path, _changed: int, _file: int) -> CompactedFile:
    content: _Index | None = read_cache(index, _index)
    if content is None:
        raise FileNotFoundError(index)
    return CompactedFile(index, content["generation"], content["shards"])


class _Entry(TypedDict):
    """What an index says of a shard."""

    first: int
    rows: int
    made_from: str


class _Index(TypedDict):
    """What lies beside a compacted file."""

    generation: int
    shards: dict[str, _Entry]


class _Origin(TypedDict, total=False):
    """What a shard was made from."""

    sets: dict[str, str]
    metrics: dict[str, int]
    scored_by: list[str]
    comparison: str


def _index(value: Any) -> Any:
    index = record(_Index)(value)
    for entry in index["shards"].values():
        if entry["first"] < 0 or entry["rows"] < 0:
            raise ValueError("it promises rows before the first")
        origin_of(json.loads(entry["made_from"]))
    return index


origin_of = record(_Origin)


def write_index(compacted: CompactedFile) -> None:
    """Write the index of a compacted file, which makes its shards count."""
    write_json(
        compacted.index,
        {"generation": compacted.generation, "shards": {k: dict(v) for k, v in compacted.shards.items()}},
        durable=True,
    )


def set_aside_damaged(folder: Path) -> int:
    """Set aside the Parquet files of a folder of scores that are empty or cut, and return their number.

    What lies between a whole file's ends is checked when it is read.
    """
    damaged = [file for file in folder.glob("*.parquet") if not file.name.startswith(".") and is_cut(file)]
    for file in damaged:
        set_index_aside(file)
        set_aside(file)
    return len(damaged)


def set_index_aside(file: Path) -> None:
    """Set the index of a compacted file aside, before the file is: it must not promise rows that are gone."""
    if not is_loose(file):
        set_aside(file.with_suffix(".json"))
