"""Means that can be trusted: over pictures, not over patches, with what was left out counted."""

from collections.abc import Sequence

import numpy as np
import pandas as pd


def mean_over_pictures(frame: pd.DataFrame, by: Sequence[str], metrics: Sequence[str]) -> pd.DataFrame:
    """Mean of each metric for every combination of ``by``, with the number of pictures and comparisons.

    A picture counts once, however many patches it has. Infinite values (identical pictures) and
    nulls (undefined) cannot enter a mean: they are counted in ``infinite`` and ``null``, summed
    over the metrics.
    """
    by = list(by)
    values = frame[[*metrics]]
    counted = frame[[*by, "set", "image"]].copy() if "set" not in by else frame[[*by, "image"]].copy()
    counted["infinite"] = np.isinf(values).sum(axis=1)
    counted["null"] = values.isna().sum(axis=1)
    counted[list(metrics)] = values.mask(np.isinf(values))
    picture = [*by, *([] if "set" in by else ["set"]), "image"]
    per_picture = counted.groupby(picture, dropna=False, sort=False)
    means = per_picture[list(metrics)].mean().join(per_picture[["infinite", "null"]].sum())
    means["comparisons"] = per_picture.size()
    grouped = means.reset_index().groupby(by, dropna=False, sort=False)
    table = grouped[list(metrics)].mean().join(grouped[["comparisons", "infinite", "null"]].sum())
    table.insert(0, "pictures", grouped.size())
    return table.reset_index()


def last_epochs(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of each run's last scored epoch, and all rows that belong to no run."""
    last = frame.groupby("run_id")["epoch"].transform("max")
    return frame[frame["run_id"].isna() | (frame["epoch"] == last)]
