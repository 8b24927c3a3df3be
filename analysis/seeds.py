"""Mean and spread over seeds: how much of a difference is luck."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from analysis.aggregate import mean_over_pictures


def spread_over_seeds(
    frame: pd.DataFrame, runs: Sequence[Mapping[str, Any]], by: Sequence[str], metrics: Sequence[str]
) -> pd.DataFrame:
    """Mean and sample standard deviation of each metric over the seeds of runs that differ by nothing else.

    ``runs`` are those of ``analysis.load.contents``. The spread is between seeds, of means over
    pictures. Empty where no variant has several seeds.
    """
    variants = {run["run_id"]: run.get("variant") or run.get("label") for run in runs}
    named = list(variants.values())
    several = [variant for variant in dict.fromkeys(named) if named.count(variant) > 1]
    if not several:
        return pd.DataFrame()
    rows = frame[frame["run_id"].map(variants).isin(several)]
    if rows.empty:
        return pd.DataFrame()
    means = mean_over_pictures(rows, [*by, "run_id"], metrics)
    means["run"] = means["run_id"].map(variants)
    groups = means.groupby([*by, "run"], dropna=False, sort=False)
    table = groups.size().rename("seeds").to_frame()
    for metric in metrics:
        table[metric] = groups[metric].mean()
        table[f"{metric} spread"] = groups[metric].std(ddof=1).round(4)
    return table.reset_index()
