"""Means that can be trusted: over pictures, not over patches, and with a count of the values left out.

``by_picture`` streams over the rows of a study and keeps one line a picture; every mean of the
report is then made from those lines.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from srcnn.schema import KEY_COLUMNS

# Columns that are never averaged over unasked: their values are different things, not repetitions of one.
KINDS = ("method", "protocol", "definition", "zoom", "crop")
PICTURE_KEY = ("label", *(name for name in KEY_COLUMNS if name not in ("x", "y", "width", "height")), "degradation_id")
BATCH = 50_000
_GROUPED = (*PICTURE_KEY, "width", "height")


def scanned_columns(metrics: Iterable[str]) -> list[str]:
    """Return the columns of the score table that ``by_picture`` needs."""
    return [*(name for name in _GROUPED if name in KEY_COLUMNS), *metrics]


def by_picture(tables: Iterable[pa.Table], metrics: Sequence[str]) -> pd.DataFrame:
    """Return one row for each picture, run, epoch, protocol, upsampler, zoom, definition and crop size.

    A metric's column is its mean over the picture's ``patches``. Where infinite values (identical
    pictures) or nulls (undefined) had to be left out, ``n_<metric>`` says how many remained,
    ``inf_<metric>`` and ``null_<metric>`` how many did not. ``crop`` is ``WIDTHxHEIGHT``, absent for
    ``luma``. ``tables`` come from ``analysis.scores.scan``, one a shard, which holds whole pictures;
    few are in memory at a time.
    """
    parts = list(_all_reduced(_batches(tables), metrics))
    if not parts:
        return pd.DataFrame({name: [] for name in [*PICTURE_KEY, "crop", "patches", *metrics]})
    table = pa.concat_tables(parts, promote_options="default").unify_dictionaries()
    del parts
    columns = {}
    for name in table.column_names:  # all at once, table and frame would be held in full for a moment
        columns[name] = table[name].to_pandas()
        table = table.drop_columns([name])
        pa.default_memory_pool().release_unused()
    frame = pd.DataFrame(columns, copy=False)
    frame["crop"] = _crop_names(frame)
    for name in metrics:
        if f"n_{name}" in frame:
            for kind in ("n", "inf", "null"):
                instead = frame["patches"] if kind == "n" else 0
                frame[f"{kind}_{name}"] = frame[f"{kind}_{name}"].fillna(instead).astype("int32")
    return frame.drop(columns=["width", "height"])


def _all_reduced(tables: Iterable[pa.Table], metrics: Sequence[str]) -> Iterator[pa.Table]:
    """Give ``_reduced`` of the tables, in order, computed by a thread while the next are read."""
    waiting: deque[Future[pa.Table]] = deque()
    with ThreadPoolExecutor(1) as thread:
        for table in tables:
            waiting.append(thread.submit(_reduced, table, metrics))
            if len(waiting) > 1:
                yield waiting.popleft().result()
        for future in waiting:
            yield future.result()


def _batches(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Give the tables joined to about BATCH rows: thousands of small ones cost more in calls than in rows."""
    held: list[pa.Table] = []
    for table in tables:
        held.append(table)
        if sum(len(part) for part in held) >= BATCH:
            yield pa.concat_tables(held).unify_dictionaries()
            held = []
    if any(len(part) for part in held):
        yield pa.concat_tables(held).unify_dictionaries()


def _reduced(table: pa.Table, metrics: Sequence[str]) -> pa.Table:
    """Return the means of one table's pictures, and counts for the metrics of which values were left out."""
    columns = {name: table[name] for name in _GROUPED}
    asked: list[tuple[str | list[str], str]] = [([], "count_all")]
    partial = []
    for name in metrics:
        values = table[name]
        infinite = pc.is_inf(values)
        holds_infinite = pc.any(infinite).as_py()
        if holds_infinite or values.null_count:
            partial.append(name)
            columns[f"inf_{name}"] = pc.fill_null(infinite, False).cast(pa.int32())
            asked += [(name, "count"), (f"inf_{name}", "sum")]
        columns[name] = pc.if_else(infinite, pa.scalar(None, pa.float64()), values) if holds_infinite else values
        asked.append((name, "mean"))
    # With threads the groups come in any order; tables keep the study's.
    grouped = pa.table(columns).group_by(list(_GROUPED), use_threads=False).aggregate(asked)
    patches = grouped["count_all"].cast(pa.int32())
    result = {name: grouped[name] for name in _GROUPED} | {"patches": patches}
    result |= {name: grouped[f"{name}_mean"] for name in metrics}
    for name in partial:
        n, inf = (grouped[f"{column}"].cast(pa.int32()) for column in (f"{name}_count", f"inf_{name}_sum"))
        result |= {f"n_{name}": n, f"inf_{name}": inf, f"null_{name}": pc.subtract(pc.subtract(patches, n), inf)}
    return pa.table(result)


def _crop_names(frame: pd.DataFrame) -> pd.Categorical:
    # One number for both sides: finding the distinct pairs of two columns takes a hundred times as long.
    both = frame["width"].to_numpy(np.int64) << 32 | frame["height"].to_numpy(np.int64)
    codes, sizes = pd.factorize(np.where((frame["protocol"] == "luma").to_numpy(), -1, both))
    names = [f"{size >> 32}x{size & 0xFFFFFFFF}" if size >= 0 else None for size in sizes.tolist()]
    kept = [name for name in names if name]
    place = np.array([kept.index(name) if name else -1 for name in names], np.int64)
    return pd.Categorical.from_codes(place[codes], pd.Index(kept, dtype="str"))


def mean_over_pictures(
    pictures: pd.DataFrame, by: Sequence[str], metrics: Sequence[str], spread: bool = False
) -> pd.DataFrame:
    """Return the mean of each metric for every combination of ``by``, over pictures: each picture counts once.

    ``pictures`` comes from ``by_picture``. The columns ``pictures`` and ``comparisons`` say over how
    many; ``infinite`` and ``null`` how many values, over all metrics, could not enter. With ``spread``,
    ``sd_<metric>`` is the standard deviation over pictures.
    """
    by = list(by)
    values = per_picture(pictures, by, metrics)
    inverse, first = groups(values, by)
    size = len(first)
    table: dict[str, Any] = {
        "pictures": np.bincount(inverse, minlength=size),
        "comparisons": _sums(inverse, values["comparisons"], size).astype(int),
    }
    for name in metrics:
        column = values[name].to_numpy(float)
        there = ~np.isnan(column)
        count = np.bincount(inverse, there, size)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.bincount(inverse, np.where(there, column, 0.0), size) / count
            table[name] = mean
            if spread:
                squares = np.where(there, (column - mean[inverse]) ** 2, 0.0)
                variance = np.bincount(inverse, squares, size) / np.where(count > 1, count - 1, np.nan)
                table[f"sd_{name}"] = np.sqrt(variance)
    for kind in ("infinite", "null"):
        table[kind] = _sums(inverse, values[kind], size).astype(int)
    return _beside(values.iloc[first][by], table)


def per_picture(pictures: pd.DataFrame, by: Sequence[str], metrics: Sequence[str]) -> pd.DataFrame:
    """Return one row for every combination of ``by`` and picture, with each metric's mean over all patches."""
    key = [*by, *(name for name in ("set", "image") if name not in by)]
    inverse, first = groups(pictures, key)
    size = len(first)
    table: dict[str, Any] = {"comparisons": _sums(inverse, pictures["patches"], size).astype(int)}
    infinite, null = np.zeros(size), np.zeros(size)
    for name in metrics:
        mean = pictures[name].to_numpy(float)
        weight = pictures[f"n_{name}" if f"n_{name}" in pictures else "patches"].to_numpy(float)
        weight = np.where(np.isnan(mean), 0.0, weight)
        with np.errstate(invalid="ignore", divide="ignore"):
            table[name] = np.bincount(inverse, np.nan_to_num(mean) * weight, size) / np.bincount(inverse, weight, size)
        for kind, total in (("inf", infinite), ("null", null)):
            if f"{kind}_{name}" in pictures:
                total += _sums(inverse, pictures[f"{kind}_{name}"], size)
    table |= {"infinite": infinite.astype(int), "null": null.astype(int)}
    return _beside(pictures.iloc[first][key], table)


def _beside(keys: pd.DataFrame, columns: dict[str, Any]) -> pd.DataFrame:
    """Return the keys with columns beside them: put in one by one, each would cost what all of them do."""
    return pd.concat([keys.reset_index(drop=True), pd.DataFrame(columns)], axis=1)


def groups(frame: pd.DataFrame, by: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of each row's group, and the position of each group's first row, in order of appearance.

    Rows where a key is absent form groups of their own.
    """
    code = np.zeros(len(frame), np.int64)
    for name in by:
        column = frame[name]
        codes = (
            column.cat.codes.to_numpy() if isinstance(column.dtype, pd.CategoricalDtype) else pd.factorize(column)[0]
        )
        code = code * (int(codes.max(initial=-1)) + 2) + codes + 1
        code = pd.factorize(code)[0]  # stays small, however many keys
    _, first = np.unique(code, return_index=True)
    return code, first


def _sums(inverse: np.ndarray, values: pd.Series, size: int) -> np.ndarray:
    return np.bincount(inverse, values.to_numpy(float), size)


def last_epochs(pictures: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of each run's last scored epoch, and all rows that belong to no run."""
    last = pictures.groupby("run_id", observed=True)["epoch"].max()
    wanted = pictures["run_id"].map(last)
    return pictures[pictures["run_id"].isna() | (pictures["epoch"] == wanted.astype(float))]
