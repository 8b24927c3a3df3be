"""The contrast between metrics: how they agree, and where they do not."""

from typing import Any

import numpy as np
import pandas as pd

from analysis.aggregate import mean_over_pictures
from analysis.evidence import Evidence
from analysis.page import Column, Figure, PageSection, Table
from analysis.plots import correlation_plot
from analysis.sections.images import region_shots
from analysis.statistics import rank_correlation, ranks
from analysis.style import number
from srcnn.metrics import about


def section(evidence: Evidence) -> PageSection | None:
    """Return correlations, disagreements and rankings."""
    if not evidence.scored_runs:
        return None
    blocks: list[Any] = []
    patches = evidence.patches
    metrics = varying(evidence, patches)
    if len(metrics) > 1:
        matrix = rank_correlation(patches[metrics].to_numpy(float), metrics)
        blocks += [_matrix(evidence, matrix, metrics, len(patches))]
        blocks += _disagreement(evidence, matrix, metrics)
    blocks += [_ranking(evidence, "variant", "runs"), _ranking(evidence, "upsampler", "upsamplers")]
    return PageSection("contrast", "Metrics against each other", [block for block in blocks if block])


def varying(evidence: Evidence, patches: pd.DataFrame) -> list[str]:
    """Return the metrics that tell the compared patches apart."""
    return [name for name in evidence.metrics if len(patches) and patches[name].nunique() > 1]


def _matrix(evidence: Evidence, matrix: np.ndarray, metrics: list[str], rows: int) -> Figure:
    flat = [
        (matrix[i, j], metrics[i], metrics[j])
        for i in range(len(metrics))
        for j in range(i)
        if matrix[i, j] == matrix[i, j]
    ]
    caption = (
        f"Over {rows:,} patches of protocol {evidence.patchwise}, last epochs and interpolation. Lower-is-better "
        "metrics are turned round, so 1 means that two metrics order all patches alike."
    )
    if flat:
        low, high = min(flat), max(flat)
        caption += (
            f" Furthest apart: {about(low[1]).title} and {about(low[2]).title} ({number(low[0], 'psnr')}); "
            f"closest: {about(high[1]).title} and {about(high[2]).title} ({number(high[0], 'psnr')})."
        )
    return Figure("correlation", "Do the metrics order patches alike?", [correlation_plot(matrix, metrics)], caption)


def _disagreement(evidence: Evidence, matrix: np.ndarray, metrics: list[str]) -> list[Any]:
    """Return the two regions on which the two least correlated metrics disagree most."""
    size = len(metrics)
    pairs = [(matrix[i, j], i, j) for i in range(size) for j in range(i) if matrix[i, j] == matrix[i, j]]
    run = evidence.best_run
    if not pairs or run is None or evidence.patchwise not in ("region", "compound"):
        return []
    _, i, j = min(pairs)
    a, b = metrics[j], metrics[i]
    rows = evidence.patches[evidence.patches["label"] == run.label].dropna(subset=[a, b])
    if len(rows) < 3:
        return []
    shares = {}
    for name in (a, b):
        sign = 1.0 if about(name).higher_is_better else -1.0
        shares[name] = (ranks(sign * rows[name].to_numpy(float)) - 0.5) / len(rows)
    gap = shares[a] - shares[b]
    blocks = []
    for place, (good, bad) in ((int(np.argmax(gap)), (a, b)), (int(np.argmin(gap)), (b, a))):
        note = (
            f"Better than {shares[good][place]:.0%} of this run's patches by {about(good).title}, than "
            f"{shares[bad][place]:.0%} by {about(bad).title}."
        )
        title = f"{about(good).title} praises, {about(bad).title} does not"
        blocks.append(region_shots(evidence, run, rows.iloc[place], title, note))
    return blocks


def _ranking(evidence: Evidence, what: str, title: str) -> Table | None:
    """Return the place of every run or upsampler under each metric."""
    protocol = evidence.patchwise if what == "variant" else "compound"
    if protocol not in evidence.protocols:
        return None
    last = evidence.last
    rows = last[(last["protocol"] == protocol) & (last["definition"] == evidence.definition) & last["run_id"].notna()]
    if what == "variant" and protocol in ("compound", "whole"):
        rows = rows[rows["upsampler"] == rows["upsampler"].iloc[0]]
    if rows[what].nunique() < 2:
        return None
    means = mean_over_pictures(rows, [what], evidence.metrics)
    table = means[[what]].astype(str)
    shown = [name for name in evidence.telling[protocol] if means[name].notna().any()]
    for name in shown:
        table[name] = means[name].rank(ascending=not about(name).higher_is_better, method="min")
    table["mean"] = table[shown].mean(axis=1).round(2)
    table = table.sort_values("mean", kind="stable", ignore_index=True)
    head = "run" if what == "variant" else what
    columns = [Column(head, what), *(Column(about(name).title, name) for name in shown)]
    columns.append(Column("mean place", "mean", text=lambda v: f"{v:.1f}"))
    caption = f"Place by the mean over all pictures, protocol {protocol}, last epochs; 1 is best."
    return Table(f"ranking-{title}", f"How each metric ranks the {title}", table, columns, caption)
