"""From pictures to rows of the score table: what ``evaluate`` and ``baseline`` share."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed, parallel_config

from jobs.pictures import Picture
from jobs.stage import task_cores
from srcnn.experiment import EvaluateConfig
from srcnn.files import atomic_path
from srcnn.metrics import METRICS, Reference, find, warm_up
from srcnn.protocols import Comparison
from srcnn.schema import KEY_COLUMNS, score_schema
from srcnn.shards import find_shard, made_from, read_shards, shards_in

Row = dict[str, Any]
Key = tuple[Any, ...]
# Values known from an earlier scoring, by key and metric.
Known = Mapping[Key, Mapping[str, float | None]]


@dataclass(frozen=True)
class Subject:
    """Whose picture is scored: the key columns that all its comparisons share."""

    set: str
    image: str
    method: str
    run_id: str | None = None
    epoch: int | None = None


def score_comparisons(
    subject: Subject, comparisons: Iterable[Comparison], evaluate: EvaluateConfig, known: Known | None = None
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

    The metrics of ``evaluate`` are compiled before the processes start, so that not each of them does it.
    """
    if evaluate is not None:
        warm_up(evaluate.definitions, [name for name in evaluate.metrics if name in METRICS])
    # One thread in each process: the parallelism is over pictures, and oversubscription costs a third.
    with parallel_config(backend="loky", inner_max_num_threads=1):
        yield from Parallel(n_jobs=workers or task_cores(), return_as="generator")(
            delayed(function)(*call) for call in arguments
        )


def block_of(pictures: tuple[Picture, ...], block: int, shards: int) -> tuple[Picture, ...]:
    """The pictures of one block: every shards-th, so that blocks are alike in size and content."""
    return pictures[block::shards]


def write_shard(path: Path, rows: list[Row], sets: Mapping[str, str], evaluate: EvaluateConfig) -> None:
    """Write rows as one Parquet file that also says which sets and metric versions it was made from."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    origin = {"sets": dict(sets), "metrics": {name: find(name).version for name in evaluate.metrics}}
    schema = score_schema(evaluate.metrics).with_metadata({"made_from": json.dumps(origin)})
    with atomic_path(path) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), temporary, compression="zstd")


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
            if f"-{epoch:04d}-" in shard and not shard.startswith(self.eval_id):
                for key, found in _read_shard(self.folder / shard, name, self.sets[name]).get(image, {}).items():
                    values.setdefault(key, {}).update(found)
        return values


@lru_cache(maxsize=8)
def _read_shard(path: Path, name: str, set_id: str) -> dict[str, Known]:
    """Values by image and key, of one set and of the metrics that still have their version."""
    place = find_shard(path)
    origin = json.loads(made_from(place)) if place else {}
    if origin.get("sets", {}).get(name) != set_id:
        return {}
    # The user's own functions carry no version, so their values are never taken over.
    metrics = [m for m, version in origin["metrics"].items() if m in METRICS and METRICS[m].version == version]
    images: dict[str, Any] = {}
    rows = [row for _, table in read_shards([path]) for row in table.to_pylist() if row["set"] == name]
    for row in rows:
        images.setdefault(row["image"], {})[row_key(row)] = {metric: row[metric] for metric in metrics}
    return images
