"""All the numbers: every metric of every run under every protocol, and the values that could not enter a mean."""

from typing import Any

import pandas as pd

from analysis.aggregate import mean_over_pictures
from analysis.evidence import Evidence
from analysis.page import Column, PageSection, Prose, Table, metric_columns
from analysis.style import sentence
from srcnn.metrics import about
from srcnn.protocols import PROTOCOLS


def section(evidence: Evidence) -> PageSection | None:
    """Return a table a protocol, and the count of infinite and undefined values."""
    if not len(evidence.last):
        return None
    return PageSection("numbers", "All the numbers", [*_all_metrics(evidence), *_left_out(evidence)])


def _all_metrics(evidence: Evidence) -> list[Table]:
    """Return a table for every protocol: all metrics of every run and baseline."""
    tables = []
    for protocol in evidence.protocols:
        rows = evidence.last[evidence.last["protocol"] == protocol]
        by = ["set", "variant"]
        by += [
            name
            for name in ("definition", "upsampler", "zoom", "crop")
            if rows[name].astype(object).nunique(dropna=False) > 1
        ]
        means = mean_over_pictures(rows, by, evidence.metrics, spread=True)
        means = evidence.in_order(means, by)
        for name in by:
            means[name] = means[name].astype(object).where(means[name].notna(), None)
        best_in = tuple(name for name in by if name in ("set", "definition", "zoom"))
        shown = [name for name in evidence.telling[protocol] if means[name].notna().any()]
        columns = [Column(_HEADS.get(name, name), name) for name in by]
        columns += metric_columns(shown, best_in)
        columns += [Column(name, name) for name in ("pictures", "comparisons", "infinite", "null")]
        title = f"All metrics, protocol {protocol}"
        caption = f"{sentence(PROTOCOLS[protocol])} Mean over pictures at each run's last "
        caption += "scored epoch; the best of a set is marked. The CSV has the spread over pictures (sd_) too."
        tables.append(Table(protocol, title, means, columns, caption))
    return tables


_HEADS = {"variant": "run", "crop": "patch"}


def _left_out(evidence: Evidence) -> list[Any]:
    """Return how many values could not enter a mean, by metric and kind."""
    frame, rows = evidence.pictures, []
    for metric in evidence.metrics:
        if f"n_{metric}" not in frame:
            continue
        counts = frame[["protocol", "definition", "patches", f"inf_{metric}", f"null_{metric}"]]
        for (protocol, definition), group in counts.groupby(["protocol", "definition"], observed=True):
            infinite, null = int(group[f"inf_{metric}"].sum()), int(group[f"null_{metric}"].sum())
            if infinite or null:
                rows.append((about(metric).title, protocol, definition, infinite, null, int(group["patches"].sum())))
    if not rows:
        return [Prose("No value is infinite or undefined: all comparisons entered the means.", "faint")]
    heads = ["metric", "protocol", "definition", "infinite", "null", "comparisons"]
    table = pd.DataFrame(rows, columns=heads)
    caption = "Infinite values come from identical pictures, nulls where a metric is undefined for a pair."
    columns = [Column(head, head) for head in heads]
    return [Table("left-out", "Values that could not enter a mean", table, columns, caption)]
