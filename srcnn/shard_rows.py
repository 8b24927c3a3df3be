"""Reading shards of the score table: the rows of each, wherever it lies, checked and in the columns of today."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from srcnn.damage import DamagedFile, identity, is_content_fault, named, of_another_kind, remade
from srcnn.files import parsed
from srcnn.metrics import METRICS, About, is_metric, learn
from srcnn.regular import NotRegular, require_regular
from srcnn.schema import TEXT_COLUMNS
from srcnn.score_schema import score_schema
from srcnn.shards import ShardPlace, find_shard, origin_of, partial_shard, set_index_aside
from srcnn.whole import NotWhole, check_parquet

RETRIES = 5  # of a reader whose files are merged under its hands


def made_from(place: ShardPlace) -> str:
    """Return what a shard was made from, as JSON: its sets and the versions of its metrics. Raises DamagedFile."""
    if place.made_from is not None:
        return place.made_from
    with readable(place.file):
        check_parquet(place.file)
        text: bytes = (pq.read_schema(place.file).metadata or {}).get(b"made_from", b"{}")
    return str(parsed(place.file, text, lambda content: content.decode() if origin_of(json.loads(content)) else "{}"))


class NoScores(DamagedFile):
    """The error of a whole Parquet file that has no columns of scores: it is somebody's, and stays where it is."""

    def fault(self) -> str:
        """Return in words what is wrong with the file."""
        return f"holds no scores ({self.reason})"


def _no_scores(file: Path, error: Exception) -> NoScores:
    return NoScores(file, error, "move it away; where it is a study's, submit that again")


@contextmanager
def readable(file: Path) -> Iterator[None]:
    """Set the file aside and raise DamagedFile if what is read of it in this block is damaged.

    Other errors name the file, too. A whole file that is not of scores raises NoScores and stays.
    """
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
                set_index_aside(file)
        told = isinstance(error, NotWhole | NotRegular | IsADirectoryError)
        reason = error if told else "its rows cannot be read: it is empty, cut or changed"
        raise remade(file, of_another_kind(file, b"PAR1", "Parquet") or reason, seen) from error


def read_shards(
    shards: Iterable[Path], columns: Sequence[str] | None = None, categories: bool = False
) -> Iterator[tuple[Path, pa.Table]]:
    """Give the paths and rows of the shards that are there, one after the other.

    Only the named columns and the row groups that are needed are read. With ``categories``, text is
    read as dictionaries, which group ten times as fast. A shard that is merged into
    another file meanwhile is read from there.
    Raises DamagedFile, after the file was set aside where that can be done.
    """
    waiting = list(dict.fromkeys(shards))
    for attempt in range(RETRIES):
        places = [(shard, place) for shard in waiting if (place := find_shard(shard) or _partial_place(shard))]
        places.sort(key=lambda placed: (str(placed[1].file), placed[1].first))
        moved = []
        for file, group in groupby(places, key=lambda placed: placed[1].file):
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


def _conform(table: pa.Table, columns: Sequence[str] | None, categories: bool) -> pa.Table:
    """Return the table in the columns of the score table; null where a column came into being later."""
    names = table.column_names if columns is None else columns
    schema = score_schema(name for name in names if is_metric(name))
    fields = list(schema) if columns is None else [schema.field(name) for name in columns]
    if categories:
        text = pa.dictionary(pa.int32(), pa.string())
        fields = [field.with_type(text) if pa.types.is_string(field.type) else field for field in fields]
    there = set(table.column_names)
    arrays = [
        _of_type(table[field.name], field.type) if field.name in there else pa.nulls(len(table), field.type)
        for field in fields
    ]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _of_type(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    return column if column.type == kind else column.cast(kind)


def learn_metrics(schema: pa.Schema) -> None:
    """Remember what a file of scores says of the user's own metrics, whose code no reader has."""
    for field in schema:
        if is_metric(field.name) and field.name not in METRICS and field.metadata:
            learn(About.from_metadata(field.name, field.metadata))


class _Reader:
    """An open Parquet file of which ranges of rows are read; the last row groups stay at hand."""

    def __init__(self, file: Path, categories: bool) -> None:
        check_parquet(file)
        self.file = pq.ParquetFile(
            file, read_dictionary=TEXT_COLUMNS if categories else None, page_checksum_verification=True
        )
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

    def read(self, place: ShardPlace, columns: Sequence[str] | None) -> pa.Table:
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
