"""From pictures to rows of the score table: what ``evaluate`` and ``baseline`` share."""

import json
import logging
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from jobs.kept_scores import KeptScores
from jobs.parallel import Ended, spread
from jobs.pictures import Picture
from srcnn.aside import Aside
from srcnn.damage import DamagedFile
from srcnn.door import sentence
from srcnn.experiment import EvaluateConfig
from srcnn.files import atomic_path
from srcnn.metrics import METRICS, Reference, find, is_metric, warm_up
from srcnn.protocols import Comparison
from srcnn.schema import KEY_COLUMNS, score_schema
from srcnn.shards import (
    PARTIAL,
    find_shard,
    has_shard,
    made_from,
    partial_shard,
    read_shards,
    readable,
    shards_in,
    take_shard,
    unfinished_shard,
)
from srcnn.whole import check_parquet, seal_parquet
from srcnn.words import listed, text_of, told

_log = logging.getLogger(__name__)
Row = dict[str, Any]
Key = tuple[Any, ...]
# Values known from an earlier scoring, by key and metric.
Known = Mapping[Key, Mapping[str, float | None]]


@dataclass(frozen=True)
class ScoredPicture:
    """Whose picture is scored: the key columns that all its comparisons share."""

    set: str
    image: str
    method: str
    run_id: str | None = None
    epoch: int | None = None


def score_comparisons(
    subject: ScoredPicture, comparisons: Iterable[Comparison], evaluate: EvaluateConfig, known: Known | None = None
) -> Iterator[Row]:
    """A row for each comparison and definition, in the columns of ``score_schema``.

    What ``known`` holds is taken over; only the other metrics are computed. What the metrics need of
    a reference is computed once for the comparisons in a row that share it, then forgotten.
    """
    shared: Reference | None = None
    shared_image: np.ndarray | None = None
    for comparison in comparisons:
        estimate: np.ndarray | None = None
        for definition in evaluate.definitions:
            row: Row = {
                "run_id": subject.run_id,
                "epoch": subject.epoch,
                "set": subject.set,
                "image": subject.image,
                "method": subject.method,
                "protocol": comparison.protocol,
                "upsampler": comparison.upsampler,
                "zoom": comparison.zoom,
                "definition": definition,
                **comparison.box._asdict(),
            }
            values = dict((known or {}).get(row_key(row), {}))
            wanted = [name for name in evaluate.metrics if name not in values]
            if wanted:
                estimate = comparison.estimate() if estimate is None else estimate
                if shared is None or comparison.reference is not shared_image:
                    shared_image = comparison.reference
                    shared = Reference(shared_image)
                values |= shared.score(estimate, wanted, definition)
            yield {**row, **{name: values[name] for name in evaluate.metrics}}


def row_key(row: Mapping[str, Any]) -> Key:
    """The values of the key columns, in order."""
    return tuple(row[column] for column in KEY_COLUMNS)


def in_parallel(
    function: Any, arguments: Iterable[tuple[Any, ...]], workers: int | None, evaluate: EvaluateConfig | None = None
) -> Iterator[Any]:
    """Results of the calls, in order, from as many processes as the task has cores (or ``workers``).

    Where a call ended its process, as a metric of one's own may, the reason stands for its result. The metrics of
    ``evaluate`` are compiled before the processes start, so that not each of them does it.
    """
    if evaluate is not None:
        warm_up(evaluate.definitions, [name for name in evaluate.metrics if name in METRICS])
    own = [name for name in evaluate.metrics if name not in METRICS] if evaluate is not None else []
    who = f"one of the metrics {', '.join(own)} ends" if len(own) > 1 else f"metric {own[0]} ends" if own else "it ends"
    for result in spread(function, arguments, workers, endings=True, apart=bool(own)):
        yield f"{who} Python ({result.how})" if isinstance(result, Ended) else result


def rows_or_reason(function: Callable[..., list[Row]], *arguments: Any) -> list[Row] | str:
    """What a call returns, or why it returned nothing: one bad picture costs its own rows and no others.

    It is called in a thread of its own. Signals arrive in the main thread, which waits here, so that whatever
    the call raises, an interrupt too, is its own, and it takes none for its own that ends the whole task.
    """
    found: list[list[Row] | str] = []

    def call() -> None:
        try:
            found.append(function(*arguments))
        except BaseException as error:  # noqa: BLE001 - also what a metric of one's own may end a program with
            found.append(_reason(error))

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join()
    return found[0]


def _reason(error: BaseException) -> str:
    if isinstance(error, ValueError):  # a picture, a file or a metric, which names itself
        return text_of(error)
    if isinstance(error, OSError | MemoryError):
        return sentence(error)
    _log.error("a picture could not be scored", exc_info=error)
    return told(error)


class ScoringError(ValueError):
    """Pictures that could not be scored, each with the reason."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__(
            f"could not be scored:{listed(reasons)}\nAll other scores are kept; mend what is named and submit the "
            "study again."
        )


def fill_shard(
    shard: Path,
    pictures: Iterable[tuple[str, list[Row] | str]],
    sets: Mapping[str, str],
    evaluate: EvaluateConfig,
    tell: Callable[[int, int], None],
) -> list[str]:
    """Why some pictures could not be scored; the rows of all others are written.

    ``pictures`` gives a name and its rows, or the reason why there are none. A shard that lacks rows is
    written under its partial name, also when this is interrupted; a later call computes only the rest. What
    is killed leaves its rows to ``recover``.
    """
    kept = KeptScores(unfinished_shard(shard))
    rows: list[Row] = []
    reasons: list[str] = []
    target = partial_shard(shard)
    try:
        with kept.adding() as add:
            for number, (name, found) in enumerate(pictures, 1):
                if isinstance(found, str):
                    reasons.append(f"{name}: {found}")
                else:
                    rows += found
                    add(name, [], found)
                tell(number, len(rows))
        target = target if reasons else shard
    finally:
        if (rows or target == shard) and not has_shard(shard):  # another copy of this task may have been faster
            earlier = [] if target == shard else _left_of_others(target, rows)
            write_shard(target, rows + earlier, sets, evaluate)
        kept.file.unlink(missing_ok=True)
    if target == shard:
        partial_shard(shard).unlink(missing_ok=True)
    return reasons


def recover(shard: Path, sets: Mapping[str, str], evaluate: EvaluateConfig) -> None:
    """Put what a killed process left of a shard under its partial name, where the scoring that follows finds it."""
    columns = {*KEY_COLUMNS, *evaluate.metrics}
    rows = [row for row in KeptScores(unfinished_shard(shard)).rows() if row.keys() == columns]
    if rows and not has_shard(shard):
        partial = partial_shard(shard)
        write_shard(partial, rows + _left_of_others(partial, rows), sets, evaluate)


def _left_of_others(partial: Path, rows: list[Row]) -> list[Row]:
    """Rows that an earlier try left of other pictures: one that was interrupted sooner must not lose them."""
    scored = {(row["set"], row["image"]) for row in rows}
    try:
        return [row for row in _partial_rows(partial) if (row["set"], row["image"]) not in scored]
    except (OSError, DamagedFile):  # such as none; nothing may stand in the way of the new rows
        return []


def take_rows(
    shard: Path,
    lost: Collection[tuple[str, str]] | None,
    sets: Mapping[str, str],
    evaluate: EvaluateConfig,
    aside: Aside,
) -> None:
    """Take the rows of some pictures, by set and name, out of a shard (None: all of it), which is then made again.

    Those of the other pictures stay under its partial name, so that only what is lost is scored again.
    """
    kept: list[Row] = []
    if lost is not None:
        with suppress(DamagedFile):
            rows = (row for _, table in read_shards([shard]) for row in table.to_pylist())
            kept = [row for row in rows if (row["set"], row["image"]) not in lost]
    take_shard(shard, aside)
    if kept:
        aside.keep(partial_shard(shard))
        write_shard(partial_shard(shard), kept, sets, evaluate)


def block_of(pictures: tuple[Picture, ...], block: int, shards: int) -> tuple[Picture, ...]:
    """The pictures of one block: every shards-th, so that blocks are alike in size and content."""
    return pictures[block::shards]


def write_shard(
    path: Path, rows: list[Row], sets: Mapping[str, str], evaluate: EvaluateConfig, **origin_too: str
) -> None:
    """Write rows as one Parquet file that also says which sets and metric versions it was made from."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    origin = {"sets": dict(sets), "metrics": {name: find(name).version for name in evaluate.metrics}, **origin_too}
    schema = score_schema(evaluate.metrics).with_metadata({"made_from": json.dumps(origin)})
    with atomic_path(path, durable=True) as temporary:
        table = pa.Table.from_pylist(rows, schema=schema)
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)
        seal_parquet(temporary)


@dataclass(frozen=True)
class EarlierScores:
    """What other scorings of one run or baseline found, so that only what is new is computed.

    ``folder`` holds its shards, ``sets`` the content of its sets now, ``eval_id`` is the scoring
    under way.
    """

    folder: Path
    sets: Mapping[str, str]
    eval_id: str

    def known(self, epoch: int, name: str, image: str) -> Known:
        """Values that still hold for one epoch and picture of set ``name``, by key."""
        values: dict[Key, dict[str, float | None]] = {}
        for shard in shards_in(self.folder):
            if f"-{epoch:04d}-" in shard:
                # The same scoring in another division is by the same code, also of the user's own metrics.
                same = shard.startswith(self.eval_id)
                for key, found in _read_shard(self.folder / shard, name, self.sets[name], same).get(image, {}).items():
                    values.setdefault(key, {}).update(found)
        # What an earlier try of this scoring left, by the same metrics: those of the user's own, too.
        for partial in self.folder.glob(f"{self.eval_id}-{epoch:04d}-*{PARTIAL}"):
            with suppress(FileNotFoundError):  # set aside by another process, because it is damaged
                for key, found in _read_partial(partial, partial.stat().st_mtime_ns, name).get(image, {}).items():
                    values.setdefault(key, {}).update(found)
        return values


def _nothing_if_damaged(read: Callable[..., dict[str, Known]]) -> Callable[..., dict[str, Known]]:
    """``read``, by which nothing is known from a damaged file: what it held is scored again."""

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
    """Values by image and key, of one set and of the metrics that still have their version."""
    place = find_shard(path)
    origin = json.loads(made_from(place)) if place else {}
    if origin.get("sets", {}).get(name) != set_id:
        return {}
    # The user's own functions carry no version: their values are those of this scoring or of none.
    metrics = [m for m, v in origin["metrics"].items() if same_scoring or (m in METRICS and METRICS[m].version == v)]
    return _by_image((row for _, table in read_shards([path]) for row in table.to_pylist()), name, metrics)


@lru_cache(maxsize=8)
@_nothing_if_damaged
def _read_partial(path: Path, _changed: int, name: str) -> dict[str, Known]:
    rows = _partial_rows(path)
    return _by_image(rows, name, [column for column in rows[0] if is_metric(column)] if rows else [])


def _partial_rows(path: Path) -> list[Row]:
    """Raises DamagedFile."""
    import pyarrow.parquet as pq

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
