"""The upsamplers compared, by every metric, for each protocol that uses them."""

from typing import Any

from analysis.aggregate import mean_over_pictures
from analysis.evidence import Evidence
from analysis.page import Column, Figure, PageSection, Table
from analysis.plots import upsampler_plot
from analysis.statistics import paired_differences, summarise
from analysis.style import metric_head, run_styles, sentence
from srcnn.protocols import PROTOCOLS
from srcnn.upsample import UPSAMPLERS

FEW = ("psnr", "ssim")  # of the report's own protocol, where upsamplers hardly differ; tables have all


def section(evidence: Evidence) -> PageSection | None:
    """Return a panel a metric and set, and the paired differences to nearest neighbour."""
    blocks: list[Any] = []
    styles = run_styles(evidence.study.variants, evidence.study.baseline_names.values())
    for protocol in ("compound", "whole"):
        if protocol not in evidence.protocols or not evidence.scored_runs:
            continue
        last = evidence.last
        rows = last[(last["protocol"] == protocol) & (last["definition"] == evidence.definition)]
        names = {str(name) for name in rows["upsampler"].dropna().unique()}
        order = [name for name in UPSAMPLERS if name in names] + sorted(names - set(UPSAMPLERS))
        means = mean_over_pictures(rows, ["set", "variant", "upsampler"], evidence.metrics)
        metrics = evidence.metrics if protocol == "compound" or "compound" not in evidence.protocols else FEW
        panels = [
            upsampler_plot(of_set, set_name, metric, order, styles)
            for metric in evidence.telling[protocol]
            if metric in metrics
            for set_name in evidence.study.sets
            if len(of_set := means[means["set"] == set_name]) and of_set[metric].notna().any()
        ]
        baseline = evidence.study.baseline_names["direct" if protocol == "compound" else "bicubic"]
        caption = f"{sentence(PROTOCOLS[protocol])} Mean over pictures, last epochs; grey: {baseline}."
        blocks.append(Figure(f"upsamplers-{protocol}", f"Protocol {protocol}", panels, caption))
    table = _against_nearest(evidence)
    if table:
        blocks.insert(1, table)
    return PageSection("upsamplers", "Upsamplers compared", blocks) if blocks else None


def _against_nearest(evidence: Evidence) -> Table | None:
    """Return the gain of each upsampler over nearest neighbour, for the best run, paired over patches."""
    run = evidence.best_run
    if run is None or "compound" not in evidence.protocols:
        return None
    rows = evidence.rows(run, protocol="compound", definition=evidence.definition)
    plain = rows[rows["upsampler"] == "nearest"].drop(columns="upsampler")
    if not len(plain):
        return None
    others = rows[rows["upsampler"] != "nearest"]
    if not len(others):
        return None
    pairs = paired_differences(others, plain, evidence.metrics).astype({"upsampler": str})
    table = summarise(pairs, ["set", "zoom", "upsampler"], evidence.metrics, evidence.study.units_of)
    table = evidence.in_order(table, ["set", "zoom", "upsampler"])
    shown = [name for name in evidence.metrics if table[name].notna().any()]
    columns = [
        Column("set", "set"),
        Column("zoom", "zoom"),
        Column("upsampler", "upsampler"),
        Column("pictures", "pictures"),
    ]
    columns += [Column(metric_head(name), name, name, interval=True) for name in shown]
    caption = f"Run {run.label}, protocol compound: difference to nearest neighbour over the same patches."
    return Table("upsamplers-gain", "What an upsampler adds over nearest neighbour", table, columns, caption)
