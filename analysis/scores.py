"""The score table and the histories of a study, read only as far as they are asked for."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analysis.study import StudyResults, open_study
from srcnn.history import read_history
from srcnn.metrics import is_metric
from srcnn.schema import METHODS
from srcnn.score_schema import score_schema
from srcnn.shard_rows import read_shards

# The columns that load adds to those of the score table.
ADDED_COLUMNS = ("label", "degradation_id")
BASELINES = [method for method in METHODS if method != "srcnn"]


def load(
    source: Path | str | StudyResults, columns: Iterable[str] | None = None, *, baselines: bool = True, **where: Any
) -> pd.DataFrame:
    """Return one row a comparison, in the columns of ``srcnn.schema.score_schema``, and two more.

    ``label`` names the run (null for baselines, which ``method`` names), ``degradation_id`` pairs runs with their
    baseline. ``columns`` and ``where`` decide what is read:
    ``load(STUDY_DIR, ["image", "psnr"], protocol="region", epoch=[4, 8])``; a column is compared
    with one value or several, and ``run`` with labels or ids. Baselines have no epoch and no run,
    so conditions on these two keep them; without ``baselines`` they are left out. Scores that are not there yet are
    absent. Text columns are categories, which keeps ten million rows small. ``source`` may also be one Parquet file.

    Raises FileNotFoundError if there is no study, ValueError for an unknown column.
    """
    names = list(columns) if columns is not None else score_schema(_own_metrics(source)).names
    tables = list(scan(source, [name for name in names if name not in ADDED_COLUMNS], baselines=baselines, **where))
    if columns is not None:
        tables = [table.select([*dict.fromkeys([*names, *ADDED_COLUMNS])]) for table in tables]
    if not tables:
        empty = pa.schema([(name, pa.string()) for name in ADDED_COLUMNS])
        schema = score_schema(_own_metrics(source))
        fields = [schema.field(name) for name in names if name not in ADDED_COLUMNS]
        return pa.schema([*fields, *empty]).empty_table().to_pandas()
    frame: pd.DataFrame = pa.concat_tables(tables).unify_dictionaries().to_pandas(self_destruct=True)
    return frame


def scan(
    source: Path | str | StudyResults, columns: Iterable[str] | None = None, *, baselines: bool = True, **where: Any
) -> Iterator[pa.Table]:
    """Give the rows of ``load`` as Arrow tables, one a shard, so that a large study need not fit in memory."""
    names = list(columns) if columns is not None else score_schema(_own_metrics(source)).names
    _check(names, where)
    if not isinstance(source, StudyResults) and Path(source).is_file():
        yield from _scan_file(Path(source), names, baselines, where)
        return
    study = source if isinstance(source, StudyResults) else open_study(source)
    runs = {run.run_id: run for run in study.runs}
    wanted_runs = where.pop("run", None)
    chosen = set(runs)
    if wanted_runs is not None:
        listed = {str(value) for value in _several(wanted_runs)}
        chosen = {run_id for run_id, run in runs.items() if {run_id, run.label, run.variant} & listed}
        unknown = listed - {name for run in runs.values() for name in (run.run_id, run.label, run.variant)}
        if unknown - set(study.baseline_names.values()):
            labels = ", ".join(run.label for run in runs.values())
            raise ValueError(f"unknown run {sorted(unknown)[0]!r}; known: {labels}")
    epochs = where.pop("epoch", None)
    epochs = None if epochs is None else {int(epoch) for epoch in _several(epochs)}
    needed = [*dict.fromkeys([*names, *where, "method"])]
    for shard, table in read_shards(study.shard_paths(chosen, epochs, baselines), needed, categories=True):
        table = _where(table, where)
        owner = shard.parent.name
        run = runs.get(owner)
        yield _labelled(table, run.label if run else None, run.degradation_id if run else owner).select(
            [*names, *(name for name in ADDED_COLUMNS if name not in names)]
        )


def _scan_file(file: Path, names: list[str], baselines: bool, where: Mapping[str, Any]) -> Iterator[pa.Table]:
    needed = [*dict.fromkeys([*names, *where, "method"])]
    for _, table in read_shards([file], needed, categories=True):
        if not baselines:
            table = table.filter(pc.invert(pc.is_in(table["method"].cast(pa.string()), pa.array(BASELINES))))
        yield _labelled(_where(table, where), None, None).select([*names, *ADDED_COLUMNS])


def _labelled(table: pa.Table, label: str | None, degradation: str | None) -> pa.Table:
    labelled = table.append_column("label", _constant(label, len(table)))
    return labelled.append_column("degradation_id", _constant(degradation, len(table)))


def _constant(text: str | None, length: int) -> pa.DictionaryArray:
    codes = pa.array(np.zeros(length, np.int32)) if text is not None else pa.nulls(length, pa.int32())
    return pa.DictionaryArray.from_arrays(codes, pa.array([] if text is None else [text], pa.string()))


def _where(table: pa.Table, where: Mapping[str, Any]) -> pa.Table:
    for name, wanted in where.items():
        column = table[name]
        column = column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
        values = pa.array(list(_several(wanted))).cast(column.type)
        table = table.filter(pc.is_in(column, values))
    return table


def _several(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list | tuple | set | frozenset) else [value]


def _own_metrics(source: Path | str | StudyResults) -> list[str]:
    """Return the user's own metrics that a study asked for, or that a file of scores holds."""
    if not isinstance(source, StudyResults) and Path(source).is_file():
        names = list(pq.read_schema(Path(source)).names)
    else:
        runs = (source if isinstance(source, StudyResults) else open_study(source)).runs
        names = [name for run in runs for name in run.settings.get("evaluate.metrics", ())]
    return [name for name in dict.fromkeys(names) if is_metric(name)]


def _check(names: Iterable[str], where: Mapping[str, Any]) -> None:
    known = score_schema().names
    for name in [*names, *where]:
        if name not in (*known, *ADDED_COLUMNS, "run") and not is_metric(name):
            raise ValueError(f"unknown column {name!r}; known: {', '.join(known)}")


def load_histories(source: Path | str | StudyResults) -> pd.DataFrame:
    """Return one row for each run and epoch: label, losses, learning rate, precision, seconds, throughput."""
    study = source if isinstance(source, StudyResults) else open_study(source)
    rows = []
    for run in study.runs:
        for record in read_history(study.paths.run(run.run_id).history):
            numbers = {name: value for name, value in record.items() if name != "sets"}
            rows.append({"run_id": run.run_id, "label": run.label, **numbers})
    return pd.DataFrame(rows)
