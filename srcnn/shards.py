"""Where the shards of the score table lie: each in a file of its own, or many in a compacted one.

A shard is known by the path that ``StudyPaths.shard`` gives it. ``python -m analysis.compact``
merges the shards of one folder into ``compact-<id>.parquet``; ``compact-<id>.json`` beside it says
which rows are which shard, and a Parquet file without that index does not count. A shard may be in
several places at once while files are being merged: a file of its own is the newest, then the
compacted file of the highest generation. Whoever asks by name, as all here do, meets it once.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from srcnn.aside import Aside
from srcnn.damage import DamagedFile, identity, is_content_fault, named, of_another_kind, remade, set_aside
from srcnn.files import parsed, read_cache, write_json
from srcnn.metrics import METRICS, About, is_metric, learn
from srcnn.records import record
from srcnn.regular import NotRegular, require_regular
from srcnn.whole import NotWhole, check_parquet, is_cut

if TYPE_CHECKING:
    import pyarrow as pa

COMPACTED = "compact-*.json"
PARTIAL = ".partial.parquet"
UNFINISHED = ".unfinished.jsonl"
_SHARD = re.compile(
    r"(e[0-9a-f]{10}-\d{4,}-\d{3,}of\d{3,})(\.parquet|\.partial\.parquet|\.unfinished\.jsonl)", re.ASCII
)
RETRIES = 5  # of a reader whose files are merged under its hands


@dataclass(frozen=True)
class ShardPlace:
    """One shard: the Parquet file that holds it and which of its rows it is (None: all)."""

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
        """Where a shard lies in it. Raises KeyError if it does not."""
        entry = self.shards[name]
        return ShardPlace(name, self.file, entry["first"], entry["rows"], entry["made_from"])


def has_shard(shard: Path) -> bool:
    """Whether a shard is there, wherever it lies."""
    return find_shard(shard) is not None


def find_shard(shard: Path) -> ShardPlace | None:
    """Where a shard lies; None if it is nowhere."""
    for _ in range(2):  # a listing may miss both the old and the new index while one replaces the other
        if shard.exists():
            return ShardPlace(shard.name, shard)
        for compacted in compacted_files(shard.parent):
            if shard.name in compacted.shards:
                return compacted.place(shard.name)
    return None


def partial_shard(shard: Path) -> Path:
    """The file that stands in for a shard while some of its pictures could not be scored.

    Its rows are read with those of the shards; the shard counts as missing, so that it is tried again.
    """
    return shard.with_name(shard.stem + PARTIAL)


def unfinished_shard(shard: Path) -> Path:
    """The file in which the rows of a shard are safe as they come, until it is written."""
    return shard.with_suffix(UNFINISHED)


def shards_in(folder: Path) -> dict[str, ShardPlace]:
    """Every shard of a folder of scores, by file name, in order."""
    # The files first: a shard that is merged after this look is then found in an index.
    loose = [path for path in folder.glob("*.parquet") if is_loose(path) and is_shard(path)]
    found = {}
    for compacted in reversed(compacted_files(folder)):
        found.update({name: compacted.place(name) for name in compacted.shards})
    found.update({path.name: ShardPlace(path.name, path) for path in loose if path.exists()})
    return dict(sorted(found.items()))


def is_shard(path: Path) -> bool:
    """Whether a Parquet file has the name of a shard; any other beside it is somebody's own."""
    return shard_of(path.name) == path.name


def shard_of(name: str) -> str | None:
    """Return the name of the shard that a file is, stands in for or is to become; None for any other file."""
    match = _SHARD.fullmatch(name)
    return f"{match[1]}.parquet" if match else None


def is_loose(path: Path) -> bool:
    """Whether a Parquet file is one shard, neither compacted nor partial nor still being written."""
    return not path.name.startswith((".", "compact-")) and not path.name.endswith(PARTIAL)


def has_rows(shard: Path) -> bool:
    """Whether a shard is there, or some of its rows are in its partial file."""
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
    """The compacted files of a folder, newest first."""
    found: list[CompactedFile] = []
    complete = False
    while not complete:
        found, complete = [], True
        for index in folder.glob(COMPACTED):
            try:
                stamp = index.stat()
                compacted = _read_index(index, stamp.st_mtime_ns, stamp.st_ino)
            except FileNotFoundError:  # merged into another since: look for that, unless it is a link to nowhere
                complete &= index.is_symlink()
                continue
            if compacted.file.exists():
                found.append(compacted)
    return sorted(found, key=lambda each: (-each.generation, each.index.name))


@lru_cache(maxsize=4096)
def _read_index(index: Path, _changed: int, _file: int) -> CompactedFile:
    found: _Index | None = read_cache(index, _index)
    if found is None:
        raise FileNotFoundError(index)
    return CompactedFile(index, found["generation"], found["shards"])


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
    comparison: str


def _index(value: Any) -> Any:
    found = record(_Index)(value)
    for entry in found["shards"].values():
        if entry["first"] < 0 or entry["rows"] < 0:
            raise ValueError("it promises rows before the first")
        _origin(json.loads(entry["made_from"]))
    return found


_origin = record(_Origin)


def write_index(compacted: CompactedFile) -> None:
    """Make a compacted file count, or change what it counts for."""
    write_json(
        compacted.index,
        {"generation": compacted.generation, "shards": {k: dict(v) for k, v in compacted.shards.items()}},
        durable=True,
    )


def made_from(place: ShardPlace) -> str:
    """What a shard was made from, as JSON: its sets and the versions of its metrics. Raises DamagedFile."""
    if place.made_from is not None:
        return place.made_from
    import pyarrow.parquet as pq

    with readable(place.file):
        check_parquet(place.file)
        text: bytes = (pq.read_schema(place.file).metadata or {}).get(b"made_from", b"{}")
    return str(parsed(place.file, text, lambda content: content.decode() if _origin(json.loads(content)) else "{}"))


def set_aside_damaged(folder: Path) -> int:
    """Number of Parquet files of a folder of scores that were moved away because they are empty or cut.

    What lies between a whole file's ends is checked when it is read.
    """
    damaged = [file for file in folder.glob("*.parquet") if not file.name.startswith(".") and is_cut(file)]
    for file in damaged:
        _set_aside_index(file)
        set_aside(file)
    return len(damaged)


def _set_aside_index(file: Path) -> None:
    """Done before its file is: an index must not promise rows that are gone."""
    if not is_loose(file):
        set_aside(file.with_suffix(".json"))


class NoScores(DamagedFile):
    """A whole Parquet file whose columns are not those of scores: it is somebody's, and stays where it is."""

    def fault(self) -> str:
        """What is wrong with the file, in words."""
        return f"holds no scores ({self.reason})"


def _no_scores(file: Path, error: Exception) -> NoScores:
    return NoScores(file, error, "move it away; where it is a study's, submit that again")


@contextmanager
def readable(file: Path) -> Iterator[None]:
    """Name and set aside the file if what is read of it in this block is damaged.

    Raises DamagedFile.
    """
    import pyarrow as pa

    seen = identity(file)
    try:
        require_regular(file)
        yield
    except DamagedFile:
        raise
    except LookupError as error:  # of Arrow: a column that is lacking, or there twice
        raise _no_scores(file, error) from error
    except (pa.ArrowException, OSError, UnicodeError, NotWhole) as error:
        if not is_content_fault(error):
            raise named(error, file) from error
        if seen == identity(file):
            with suppress(OSError):
                _set_aside_index(file)
        told = isinstance(error, NotWhole | NotRegular | IsADirectoryError)
        reason = error if told else "its rows cannot be read: it is empty, cut or changed"
        raise remade(file, of_another_kind(file, b"PAR1", "Parquet") or reason, seen) from error


def read_shards(
    shards: Iterable[Path], columns: Sequence[str] | None = None, categories: bool = False
) -> Iterator[tuple[Path, "pa.Table"]]:
    """Rows of each shard that is there, with the shard's path, one after the other.

    Raises DamagedFile, having set the file aside where that can be done.
    Only the named columns and the row groups that are needed are read. With ``categories``, text is
    read as dictionaries, which group ten times as fast. A shard that is merged into
    another file meanwhile is read from there.
    """
    import pyarrow as pa

    waiting = list(dict.fromkeys(shards))
    for attempt in range(RETRIES):
        places = [(shard, place) for shard in waiting if (place := find_shard(shard) or _partial_place(shard))]
        places.sort(key=lambda each: (str(each[1].file), each[1].first))
        moved = []
        for file, group in groupby(places, key=lambda each: each[1].file):
            of_file = list(group)
            try:
                with readable(file):
                    reader = _Reader(file, categories)
            except FileNotFoundError:
                moved += [shard for shard, _ in of_file]
                continue
            with reader:
                for shard, place in of_file:
                    with readable(file):
                        table = reader.read(place, columns)
                    try:
                        table = _conform(table, columns, categories)
                    except (pa.ArrowException, LookupError) as error:
                        raise _no_scores(file, error) from error
                    yield shard, table
        if not moved:
            return
        waiting = moved
        if attempt == RETRIES - 1:
            raise FileNotFoundError(f"{moved[0]} and {len(moved) - 1} more shards move faster than they can be read")


def _partial_place(shard: Path) -> ShardPlace | None:
    partial = partial_shard(shard)
    return ShardPlace(shard.name, partial) if partial.exists() else None


def _conform(table: "pa.Table", columns: Sequence[str] | None, categories: bool) -> "pa.Table":
    """The table in the columns of the score table; null where a column came into being later."""
    import pyarrow as pa

    from srcnn.schema import score_schema

    names = table.column_names if columns is None else columns
    schema = score_schema(name for name in names if is_metric(name))
    fields = list(schema) if columns is None else [schema.field(name) for name in columns]
    if categories:
        text = pa.dictionary(pa.int32(), pa.string())
        fields = [field.with_type(text) if pa.types.is_string(field.type) else field for field in fields]
    arrays = [
        table[field.name].cast(field.type) if field.name in table.column_names else pa.nulls(len(table), field.type)
        for field in fields
    ]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def learn_metrics(schema: "pa.Schema") -> None:
    """Remember what a file of scores says of the user's own metrics, which are but names to whoever reads it."""
    for field in schema:
        if is_metric(field.name) and field.name not in METRICS and field.metadata:
            learn(About.from_metadata(field.name, field.metadata))


class _Reader:
    """An open Parquet file of which row ranges are read; the last row group stays at hand."""

    def __init__(self, file: Path, categories: bool) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        from srcnn.schema import score_schema

        text = [field.name for field in score_schema() if pa.types.is_string(field.type)]
        check_parquet(file)
        self.file = pq.ParquetFile(file, read_dictionary=text if categories else None, page_checksum_verification=True)
        learn_metrics(self.file.schema_arrow)
        metadata = self.file.metadata
        self.ends: list[int] = []
        for group in range(metadata.num_row_groups):
            self.ends.append((self.ends[-1] if self.ends else 0) + metadata.row_group(group).num_rows)
        self.held: tuple[tuple[int, ...], Any] = ((), None)

    def __enter__(self) -> "_Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def read(self, place: ShardPlace, columns: Sequence[str] | None) -> "pa.Table":
        wanted = list(columns) if columns is not None else None
        if place.rows is None:
            return self.file.read(columns=wanted)
        if place.rows == 0:
            return self.file.schema_arrow.empty_table()
        end = place.first + place.rows
        if not self.ends or end > self.ends[-1]:
            raise NotWhole(f"it has no rows up to {end}, which its index promises")
        groups = [
            group
            for group, group_end in enumerate(self.ends)
            if group_end > place.first and (self.ends[group - 1] if group else 0) < end
        ]
        if self.held[0] != tuple(groups):
            self.held = (tuple(groups), self.file.read_row_groups(groups, columns=wanted))
        offset = self.ends[groups[0] - 1] if groups[0] else 0
        return self.held[1].slice(place.first - offset, place.rows)
