"""Shards of scores: filled, recovered after a kill, and read again by a later scoring."""

import json
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.kept_scores import KeptScores
from jobs.scoring import Key, Known, Row, Scores, row_key
from srcnn.damage import DamagedFile
from srcnn.experiment import EvaluateConfig
from srcnn.files import atomic_path
from srcnn.metrics import METRICS, find, is_metric
from srcnn.schema import KEY_COLUMNS
from srcnn.score_schema import score_schema
from srcnn.shard_rows import made_from, read_shards, readable
from srcnn.shards import PARTIAL, ShardPlace, find_shard, has_shard, partial_shard, shards_in, unfinished_shard
from srcnn.whole import check_parquet, seal_parquet

_log = logging.getLogger(__name__)


def fill_shard(
    shard: Path,
    pictures: Iterable[tuple[str, Scores | str]],
    sets: Mapping[str, str],
    evaluate: EvaluateConfig,
    backend: str,
    tell: Callable[[int, int], None],
) -> list[str]:
    """Write the rows of pictures into a shard; return the reasons why some could not be scored.

    ``pictures`` gives the name of a picture and its scores, or the reason why it has none; ``backend`` is what
    computes them, which the file says. A shard that lacks rows is
    written under its partial name, also when this is interrupted; a later call computes only the rest. A call that
    is killed leaves its rows to ``recover``.
    """
    kept = KeptScores(unfinished_shard(shard))
    rows: list[Row] = []
    reasons: list[str] = []
    target = partial_shard(shard)
    try:
        with kept.adding() as add:
            for number, (name, scored) in enumerate(pictures, 1):
                if isinstance(scored, str):
                    reasons.append(f"{name}: {scored}")
                else:
                    rows += scored.rows
                    add(name, [backend], scored.rows)
                tell(number, len(rows))
        target = target if reasons else shard
    finally:
        if (rows or target == shard) and not has_shard(shard):  # another copy of this task may have been faster
            earlier = [] if target == shard else _left_of_others(target, rows)
            write_shard(target, rows + earlier, sets, evaluate, {backend, *scored_by(shard)})
        kept.file.unlink(missing_ok=True)
    if target == shard:
        partial_shard(shard).unlink(missing_ok=True)
    return reasons


def recover(shard: Path, sets: Mapping[str, str], evaluate: EvaluateConfig) -> None:
    """Put what a killed process left of a shard under its partial name, where the scoring that follows finds it."""
    columns = {*KEY_COLUMNS, *evaluate.metrics}
    kept = KeptScores(unfinished_shard(shard))
    rows = [row for row in kept.rows() if row.keys() == columns]
    if rows and not has_shard(shard):
        partial = partial_shard(shard)
        by = {*kept.states(), *scored_by(shard)}
        write_shard(partial, rows + _left_of_others(partial, rows), sets, evaluate, by)


def _left_of_others(partial: Path, rows: list[Row]) -> list[Row]:
    """Return the rows that an earlier try left of other pictures: one that is interrupted sooner must not lose them."""
    scored = {(row["set"], row["image"]) for row in rows}
    try:
        return [row for row in _partial_rows(partial) if (row["set"], row["image"]) not in scored]
    except (OSError, DamagedFile):  # there may be none; nothing may stand in the way of the new rows
        return []


def scored_by(shard: Path) -> set[str]:
    """Return what computed the rows of a shard, or of its partial file, by their word; nothing if there is none."""
    with suppress(OSError, DamagedFile):
        place = find_shard(shard) or ShardPlace(shard.name, partial_shard(shard))
        return set(json.loads(made_from(place)).get("scored_by", ()))
    return set()


def rows_without(shard: Path, lost: Collection[tuple[str, str]]) -> list[Row]:
    """Return the rows of a shard but those of some pictures, by set and name; none of a damaged file."""
    with suppress(DamagedFile):
        rows = [row for _, table in read_shards([shard]) for row in table.to_pylist()]
        return [row for row in rows if (row["set"], row["image"]) not in lost]
    return []


def write_shard(
    path: Path,
    rows: list[Row],
    sets: Mapping[str, str],
    evaluate: EvaluateConfig,
    by: Iterable[str],
    **origin_too: str,
) -> None:
    """Write rows as one Parquet file that also says from which sets, by which metric versions, and by what."""
    versions = {name: find(name).version for name in evaluate.metrics}
    origin = {"sets": dict(sets), "metrics": versions, "scored_by": sorted(by), **origin_too}
    schema = score_schema(evaluate.metrics).with_metadata({"made_from": json.dumps(origin)})
    with atomic_path(path, durable=True) as temporary:
        table = pa.Table.from_pylist(rows, schema=schema)
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)
        seal_parquet(temporary)


@dataclass(frozen=True)
class EarlierScores:
    """The scores that one run or baseline has from other scorings, so that only new ones are computed.

    ``folder`` holds its shards, ``sets`` are the ids of its sets' content now, ``eval_id`` is the scoring
    under way.
    """

    folder: Path
    sets: Mapping[str, str]
    eval_id: str

    def known(self, epoch: int, name: str, image: str) -> Known:
        """Return the values that still hold for one epoch and picture of set ``name``, by key."""
        values: dict[Key, dict[str, float | None]] = {}
        for shard in shards_in(self.folder):
            if f"-{epoch:04d}-" in shard:
                # The same scoring, divided otherwise, used the same code, the user's own metrics included.
                same = shard.startswith(self.eval_id)
                by_image = _read_shard(self.folder / shard, name, self.sets[name], same)
                for key, scores in by_image.get(image, {}).items():
                    values.setdefault(key, {}).update(scores)
        # The rows that an earlier try of this scoring left are by the same metrics, the user's own among them.
        for partial in self.folder.glob(f"{self.eval_id}-{epoch:04d}-*{PARTIAL}"):
            with suppress(FileNotFoundError):  # set aside by another process, because it is damaged
                by_image = _read_partial(partial, partial.stat().st_mtime_ns, name)
                for key, scores in by_image.get(image, {}).items():
                    values.setdefault(key, {}).update(scores)
        return values


def _nothing_if_damaged(read: Callable[..., dict[str, Known]]) -> Callable[..., dict[str, Known]]:
    """Return ``read`` with no values for a damaged file, so that what it held is scored again."""

    def guarded(*arguments: Any) -> dict[str, Known]:
        try:
            return read(*arguments)
        except DamagedFile as error:
            _log.warning("%s", error)
            return {}

    return guarded


@lru_cache(maxsize=8)
@_nothing_if_damaged
def _read_shard(path: Path, name: str, set_id: str, same_scoring: bool) -> dict[str, Known]:
    """Return the values of one set, by image and key, for the metrics that still have their version."""
    place = find_shard(path)
    origin = json.loads(made_from(place)) if place else {}
    if origin.get("sets", {}).get(name) != set_id:
        return {}
    # The user's own metrics have no version: only values of the same scoring are taken.
    metrics = [m for m, v in origin["metrics"].items() if same_scoring or (m in METRICS and METRICS[m].version == v)]
    return _by_image((row for _, table in read_shards([path]) for row in table.to_pylist()), name, metrics)


@lru_cache(maxsize=8)
@_nothing_if_damaged
def _read_partial(path: Path, _changed: int, name: str) -> dict[str, Known]:
    rows = _partial_rows(path)
    return _by_image(rows, name, [column for column in rows[0] if is_metric(column)] if rows else [])


def _partial_rows(path: Path) -> list[Row]:
    """Return the rows of a partial file. Raises DamagedFile."""
    with readable(path):
        check_parquet(path)
        rows: list[Row] = pq.read_table(path, page_checksum_verification=True).to_pylist()
    return rows


def _by_image(rows: Iterable[Row], name: str, metrics: list[str]) -> dict[str, Known]:
    images: dict[str, Any] = {}
    for row in rows:
        if row["set"] == name:
            images.setdefault(row["image"], {})[row_key(row)] = {metric: row[metric] for metric in metrics}
    return images
