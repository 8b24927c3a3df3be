"""Comparisons that hold: paired over patches, intervals over pictures, spread over seeds, rank correlation.

Patches of one picture are not independent, so a picture is the unit: its paired differences are
averaged first, and the bootstrap draws pictures. Frames of one clip are not independent either: it draws whole clips.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.aggregate import groups
from srcnn.metrics import about

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
# Two rows of the score table that agree in these columns are the same comparison by two methods.
PAIR_KEY = ("set", "image", "protocol", "upsampler", "zoom", "definition", "x", "y", "width", "height")
RESAMPLES = 2000
FEWEST = 5  # pictures, or clips: the range of four holds their median in only 7 of 8 cases


@dataclass(frozen=True)
class Interval:
    """A mean over ``pictures`` (or as many runs) and its 95% interval; ``low`` and ``high`` are nan for too few.

    ``units`` counts what is independent of all else: pictures, and clips, whose frames are not.
    """

    mean: float
    low: float
    high: float
    pictures: int
    units: int

    @property
    def known(self) -> bool:
        """True if there is an interval."""
        return self.low == self.low

    def sign(self) -> int:
        """Return 1 if the interval is above zero, -1 if it is below, 0 if neither."""
        return 0 if not self.known else int(self.low > 0) - int(self.high < 0)


def bootstrap_interval(
    values: Floats, level: float = 0.95, seed: int = 0, units: Sequence[str] | None = None
) -> Interval:
    """Return the mean of one value a picture and its bootstrap interval; nan entries are left out.

    The percentile interval of 2000 resamples, its tails widened to what Student's t demands of few
    pictures (a plain percentile interval of five is a fifth too short). None below five pictures. ``units`` names
    what each picture stands and falls with, itself if not given: whole units are drawn, and five of them needed.
    Source: Efron & Tibshirani (1993), ch. 13; Hesterberg (2015), doi:10.1080/00031305.2015.1089789,
    "expanded percentile interval"; of units of unequal size: Davison & Hinkley (1997), 3.8.
    """
    return bootstrap_intervals(np.asarray(values, float)[:, None], level, seed, units)[0]


def bootstrap_intervals(
    values: Floats, level: float = 0.95, seed: int = 0, units: Sequence[str] | None = None
) -> list[Interval]:
    """Return the ``bootstrap_interval`` of each column of (pictures, k), from the same resamples of the pictures."""
    there = np.isfinite(values).astype(float)
    filled = np.where(there, values, 0.0)
    pictures = there.sum(axis=0).astype(int)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = filled.sum(axis=0) / pictures
        if units is not None:
            there, filled = (_sums(table, units) for table in (there, filled))
        counts = (there > 0).sum(axis=0)
        weights = _resamples(len(there), seed) if counts.max(initial=0) >= FEWEST else np.empty((0, len(there)))
        resampled = (weights @ filled) / (weights @ there)
    intervals = []
    for column, (mean, number, count) in enumerate(zip(means, pictures, counts, strict=True)):
        low = high = np.nan
        if count >= FEWEST:
            tail = _tail(int(count), level)
            low, high = np.nanquantile(resampled[:, column], [tail, 1 - tail])
        intervals.append(Interval(float(mean), float(low), float(high), int(number), int(count)))
    return intervals


def _sums(table: Floats, units: Sequence[str]) -> Floats:
    """Return the sum of the rows of each unit, in order of appearance."""
    codes, names = pd.factorize(np.asarray(units, object))
    sums = np.zeros((len(names), table.shape[1]))
    np.add.at(sums, codes, table)
    return sums


def student_interval(values: Floats, level: float = 0.95) -> Interval:
    """Return the mean of one value a training and Student's interval; few values of one kind have no better one.

    Source: Student (1908), doi:10.1093/biomet/6.1.1.
    """
    count, mean = len(values), float(np.mean(values))
    half = float(_student(count, level) * np.std(values, ddof=1) / np.sqrt(count))
    return Interval(mean, mean - half, mean + half, count, count)


@lru_cache(maxsize=16)
def _resamples(pictures: int, seed: int) -> Floats:
    """Return how often each picture is drawn in each resample (RESAMPLES, pictures)."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(pictures, np.full(pictures, 1 / pictures), size=RESAMPLES).astype(float)


@lru_cache(maxsize=1024)
def _tail(pictures: int, level: float) -> float:
    return NormalDist().cdf(-_student(pictures, level) * float(np.sqrt(pictures / (pictures - 1))))


def _student(count: int, level: float) -> float:
    """Return how many standard errors of the mean of ``count`` values its two-sided interval reaches."""
    from scipy.special import stdtrit  # a third of a second, which a study of few pictures does not need

    return float(stdtrit(count - 1, (1 + level) / 2))


def paired_differences(a: pd.DataFrame, b: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """Return one row a picture and kind of comparison: the mean of a's value minus b's over the same patches.

    ``a`` and ``b`` are rows of the score table with the columns of PAIR_KEY, one method each; without
    the column ``upsampler``, ``b`` is compared with every upsampler. A pair
    with an infinite or null value has no difference and is counted in ``left_out`` (over all
    metrics); ``patches`` counts the pairs.
    """
    key = list(PAIR_KEY)
    shared = [name for name in key if name in b]
    keys_a, keys_b = _shared_codes(a, b, shared)
    partners = pd.Index(keys_b).get_indexer(pd.Index(keys_a))  # raises InvalidIndexError if b has two rows of one kind
    pairs, partners = a[partners >= 0], partners[partners >= 0]
    by = [name for name in key if name not in ("x", "y")]
    inverse, first = groups(pairs, by)
    size = len(first)
    table = pairs.iloc[first][by].reset_index(drop=True)
    sizes = [f"{w}x{h}" for w, h in zip(table["width"], table["height"], strict=True)]
    table["crop"] = [None if p == "luma" else size for p, size in zip(table["protocol"], sizes, strict=True)]
    table = table.drop(columns=["width", "height"])
    table["patches"] = np.bincount(inverse, minlength=size)
    left_out = np.zeros(size)
    for name in metrics:
        with np.errstate(invalid="ignore"):
            difference = pairs[name].to_numpy(float) - b[name].to_numpy(float)[partners]
        there = np.isfinite(difference)
        count = np.bincount(inverse, there, size)
        with np.errstate(invalid="ignore", divide="ignore"):
            table[name] = np.bincount(inverse, np.where(there, difference, 0.0), size) / count
        left_out += np.bincount(inverse, ~there, size)
    return pd.DataFrame(table.assign(left_out=left_out.astype(int)))


def _shared_codes(a: pd.DataFrame, b: pd.DataFrame, names: Sequence[str]) -> tuple[Integers, Integers]:
    """Return a number for each row of both tables, the same where they agree in all of these columns."""
    codes, size = np.zeros(len(a) + len(b), np.int64), 1
    for name in names:
        column, distinct = _codes(a[name], b[name])
        codes = codes * distinct + column
        size *= distinct
        if size > 2**31:  # times the next column's it might be too large
            codes, found = pd.factorize(codes)
            size = len(found)
    return codes[: len(a)], codes[len(a) :]


def _codes(a: pd.Series, b: pd.Series) -> tuple[Integers, int]:
    """Return the number of each value of a, then of b, and how many numbers there are; 0 is that of no value."""
    if not all(isinstance(column.dtype, pd.CategoricalDtype) for column in (a, b)):
        codes, found = pd.factorize(pd.concat([a, b], ignore_index=True))
        return np.asarray(codes, np.int64) + 1, len(found) + 1
    places = {value: i for i, value in enumerate(dict.fromkeys([*a.cat.categories, *b.cat.categories]), 1)}
    parts = [np.array([*map(places.get, each.cat.categories), 0], np.int64)[each.cat.codes] for each in (a, b)]
    return np.concatenate(parts), len(places) + 1


def summarise(
    differences: pd.DataFrame,
    by: Sequence[str],
    metrics: Sequence[str],
    units_of: Callable[[pd.DataFrame], Sequence[str]],
) -> pd.DataFrame:
    """Return the mean difference and its interval over pictures for every combination of ``by``.

    Columns: ``by``, pictures, units, then metric, ``low_<metric>``, ``high_<metric>``. Several rows of one
    picture (seeds, crops) are averaged first. ``units_of`` names what the picture of each row stands and falls with.
    """
    by = list(by)
    key = [*by, *(name for name in ("set", "image") if name not in by)]
    per_picture = differences.groupby(key, observed=True, dropna=False, sort=False)[list(metrics)].mean().reset_index()
    values, units = per_picture[list(metrics)].to_numpy(float), np.array(units_of(per_picture), object)
    group, first = groups(per_picture, by)
    rows = []
    for number in range(len(first)):
        own = group == number
        row: dict[str, Any] = {"pictures": own.sum(), "units": len(set(units[own]))}
        for name, interval in zip(metrics, bootstrap_intervals(values[own], units=units[own].tolist()), strict=True):
            row |= {name: interval.mean, f"low_{name}": interval.low, f"high_{name}": interval.high}
        rows.append(row)
    return pd.concat([per_picture.iloc[first][by].reset_index(drop=True), pd.DataFrame(rows)], axis=1)


def seed_spread(values: Sequence[float]) -> float:
    """Return the standard deviation over the runs that differ in the seed alone; nan for one run."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")


def better(metric: str, difference: float) -> float:
    """Return the difference with a sign that is positive where it is an improvement."""
    return difference if about(metric).higher_is_better else -difference


def rank_correlation(values: Floats, metrics: Sequence[str]) -> Floats:
    """Return Spearman's rank correlation (k, k) of the columns (rows, k), 1 where two metrics agree entirely.

    Lower-is-better metrics are turned round first. Infinite values take part (they rank last or
    first), pairs with a nan do not. The correlation is nan where a metric is constant.
    Source: Spearman (1904); ties take their mean rank.
    """
    signs = np.array([1.0 if about(name).higher_is_better else -1.0 for name in metrics])
    oriented = values * signs
    size = len(metrics)
    result = np.full((size, size), np.nan)
    for i in range(size):
        for j in range(i, size):
            both = ~(np.isnan(oriented[:, i]) | np.isnan(oriented[:, j]))
            if both.sum() < 3:
                continue
            a, b = (ranks(oriented[both, k]) for k in (i, j))
            a, b = a - a.mean(), b - b.mean()
            scale = np.sqrt((a**2).sum() * (b**2).sum())
            result[i, j] = result[j, i] = (a * b).sum() / scale if scale else np.nan
    return result


def ranks(values: Floats) -> Floats:
    """Return the rank of each value from 1, ties at their mean rank; infinite values take part."""
    return np.asarray(pd.Series(values).rank(method="average"), np.float64)
