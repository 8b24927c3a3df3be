"""The many small score files of a study merged into few, so that no row is ever missed."""

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from srcnn.files import atomic_path
from srcnn.metrics import is_metric
from srcnn.paths import StudyPaths, is_within
from srcnn.score_schema import score_schema
from srcnn.shard_rows import learn_metrics, made_from, read_shards, readable
from srcnn.shards import CompactedFile, compacted_files, find_shard, is_loose, is_shard, shards_in, write_index
from srcnn.whole import seal_parquet

ROW_GROUP = 131_072  # rows: enough to compress well, few enough to read one epoch without the others
ABANDONED_S = 24 * 3600.0  # age after which a merged file that no index names is left over from a kill


@dataclass(frozen=True)
class Compaction:
    """The result of merging one folder: its shards and rows, its files before and after."""

    folder: Path
    shards: int
    rows: int
    files_before: int
    files_after: int


def compact_study(study_dir: Path | str) -> list[Compaction]:
    """Merge the score files of every run and baseline of a study; return what was merged, by folder.

    Raises FileNotFoundError if the folder holds no scores.
    """
    paths = StudyPaths(Path(study_dir).resolve())
    scores = paths.scores("")
    if not scores.is_dir():
        raise FileNotFoundError(f"{study_dir}: holds no scores")
    # What a link leads to belongs to somebody else, perhaps another study.
    folders = [
        place for place in sorted(scores.iterdir()) if place.is_dir() and is_within(place / "file", paths.folder)
    ]
    return [done for folder in folders if (done := compact_folder(folder))]


def compact_folder(folder: Path) -> Compaction | None:
    """Merge all shards of one folder into one file; return what was merged, None if there is nothing to merge.

    Raises RuntimeError, and leaves everything as it was, if the merged file lacks a row.
    """
    _remove_abandoned(folder)
    replaced = compacted_files(folder)
    loose = {path: _stamp(path) for path in sorted(folder.glob("*.parquet")) if is_loose(path) and is_shard(path)}
    if len(replaced) + len(loose) < 2:
        return None
    places = shards_in(folder)
    index = folder / f"compact-{uuid.uuid4().hex[:12]}.json"
    target = CompactedFile(index, 1 + max((old.generation for old in replaced), default=0), {})
    origins = {name: made_from(place) for name, place in places.items()}
    shards = _write_merged(target.file, [folder / name for name in places], origins)
    if set(shards) != set(places):
        target.file.unlink(missing_ok=True)
        raise RuntimeError(f"{folder}: {len(places) - len(shards)} shards went away while they were merged; try again")
    write_index(CompactedFile(index, target.generation, shards))
    for old in replaced:  # the index first: without its file it would promise rows that are gone
        old.index.unlink(missing_ok=True)
        old.file.unlink(missing_ok=True)
    for path, stamp in loose.items():
        if _stamp(path) == stamp:  # written again meanwhile: the newer one stays and wins
            path.unlink(missing_ok=True)
    rows = sum(entry["rows"] for entry in shards.values())
    return Compaction(folder, len(shards), rows, len(replaced) + len(loose), 1)


def _write_merged(target: Path, shards: list[Path], origins: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Write the shards' rows as one file and read its count back; shard name -> index entry."""
    entries: dict[str, dict[str, Any]] = {}
    for file in {place.file for shard in shards if (place := find_shard(shard))}:
        with readable(file):
            learn_metrics(pq.read_schema(file))
    # The user's own metrics have columns in the shards that they were asked for in.
    asked = {name for origin in origins.values() for name in json.loads(origin).get("metrics", {}) if is_metric(name)}
    schema = score_schema(sorted(asked))
    first = 0
    # The files it replaces are deleted next: its content must survive a crash of the machine too.
    with atomic_path(target, durable=True) as temporary:
        with pq.ParquetWriter(temporary, schema, compression="zstd", write_page_checksum=True) as writer:
            for group in _row_groups(read_shards(shards, schema.names)):
                for shard, table in group:
                    entries[shard.name] = {"first": first, "rows": len(table), "made_from": origins[shard.name]}
                    first += len(table)
                writer.write_table(_joined([table for _, table in group]), row_group_size=ROW_GROUP)
        written = pq.read_metadata(temporary).num_rows
        if written != first:
            raise RuntimeError(f"{target.name} holds {written} rows instead of {first}; nothing was changed")
        seal_parquet(temporary)
    return entries


def _row_groups(tables: Iterator[tuple[Path, pa.Table]]) -> Iterator[list[tuple[Path, pa.Table]]]:
    """Give the shards in groups of at most about ROW_GROUP rows, never two epochs in one."""
    held: list[tuple[Path, pa.Table]] = []
    for shard, table in tables:
        epoch = shard.name.rsplit("-", 1)[0]
        if held and (
            epoch != held[-1][0].name.rsplit("-", 1)[0] or sum(len(t) for _, t in held) + len(table) > ROW_GROUP
        ):
            yield held
            held = []
        held.append((shard, table))
    if held:
        yield held


def _joined(tables: list[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_mtime_ns, stat.st_ino


def _remove_abandoned(folder: Path) -> None:
    for file in folder.glob("compact-*.parquet"):
        stamp = _stamp(file)
        if stamp and not file.with_suffix(".json").exists() and time.time() - stamp[0] / 1e9 > ABANDONED_S:
            file.unlink(missing_ok=True)
