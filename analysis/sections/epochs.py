"""The study across epochs: every metric, losses, brightness and sharpness; the light table plays the pictures."""

from typing import Any

import pandas as pd

from analysis.aggregate import mean_over_pictures, per_picture
from analysis.appearance import before_and_after, over_epochs
from analysis.evidence import Evidence
from analysis.page import Column, Figure, PageSection, Prose, Table
from analysis.panels import Panel
from analysis.plots import appearance_plot, evaluation_plot, loss_plot
from analysis.style import Line, run_styles
from srcnn.metrics import about

LUMA_METRICS = ("psnr", "ssim")  # of the literature's protocol; the others tell little of one band


def section(evidence: Evidence) -> PageSection | None:
    """Return what training changed, as figures and tables."""
    if not evidence.scored_runs:
        return None
    styles = run_styles(evidence.study.variants, evidence.study.baseline_names.values())
    blocks: list[Any] = []
    for protocol in dict.fromkeys((evidence.patchwise, evidence.main)):
        telling = evidence.telling[protocol]
        metrics = [m for m in telling if protocol != "luma" or evidence.main != protocol or m in LUMA_METRICS]
        figure, table = _metric_figure(evidence, protocol, metrics or telling, styles)
        if figure:
            blocks += [figure, table]
    blocks += _losses(evidence, styles)
    blocks += _appearance(evidence, styles)
    return PageSection("epochs", "Across epochs", blocks)


def epoch_lines(evidence: Evidence, protocol: str, metrics: list[str]) -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
    """Return, for each metric, its mean and spread by set, variant and epoch; and the bicubic mean of each set.

    The spread is the middle half of the pictures once the difficulty of each is taken out (its
    bicubic value, or its own mean where there is none): what is left is how alike pictures behave.
    """
    frame = evidence.pictures
    chosen = frame[(frame["protocol"] == protocol) & (frame["definition"] == evidence.definition)]
    if protocol in ("compound", "whole"):  # one line a run: the report's own upsampler, or the first
        names = [str(name) for name in chosen["upsampler"].dropna().unique()]
        chosen = chosen[chosen["upsampler"] == ("bicubic" if "bicubic" in names else names[0])]
    by = ["set", "variant", "epoch"]
    runs = per_picture(chosen[chosen["run_id"].notna()], by, metrics)
    base = per_picture(chosen[chosen["run_id"].isna()], ["set"], metrics)
    for part in (runs, base):
        part[["set", "image"]] = part[["set", "image"]].astype(str)
    level = (base if len(base) else runs).groupby(["set", "image"])[metrics].mean()
    easy = runs[["set", "image"]].merge(level.reset_index(), how="left", on=["set", "image"])
    keys = [runs[name] for name in by]

    def grouped(values: pd.DataFrame) -> Any:
        return values.groupby(keys, observed=True, sort=False)

    rest = grouped(runs[metrics] - easy[metrics])
    level_of = grouped(easy[metrics]).mean()
    tables = {
        "mean": grouped(runs[metrics]).mean(),
        "low": rest.quantile(0.25) + level_of,
        "high": rest.quantile(0.75) + level_of,
    }
    bicubic = base.groupby("set")[metrics].mean().reset_index()
    bicubic["variant"] = evidence.study.baseline_names["bicubic"]
    return {
        metric: (
            pd.DataFrame({name: table[metric] for name, table in tables.items()}).reset_index(),
            bicubic[["set", metric, "variant"]].rename(columns={metric: "mean"}),
        )
        for metric in metrics
    }


def _metric_figure(
    evidence: Evidence, protocol: str, metrics: list[str], styles: dict[str, Line]
) -> tuple[Figure | None, Table | None]:
    panels: list[Panel] = []
    for metric, (lines, baseline) in epoch_lines(evidence, protocol, metrics).items():
        for set_name in evidence.study.sets:
            of_set = lines[lines["set"] == set_name]
            if of_set["mean"].notna().any():
                panels.append(evaluation_plot(of_set, baseline[baseline["set"] == set_name], set_name, metric, styles))
    if not panels:
        return None, None
    caption = (
        f"Protocol {protocol}, mean over pictures. Bands: the middle half of the pictures after taking out how "
        "hard each one is (its bicubic value)."
    )
    figure = Figure(f"epochs-{protocol}", f"Every metric over the epochs, protocol {protocol}", panels, caption)
    return figure, _metric_table(evidence, protocol)


def _metric_table(evidence: Evidence, protocol: str) -> Table:
    frame = evidence.pictures
    chosen = frame[
        (frame["protocol"] == protocol) & (frame["definition"] == evidence.definition) & frame["run_id"].notna()
    ]
    by = ["set", "variant", "epoch"] + (["upsampler"] if protocol in ("compound", "whole") else [])
    means = mean_over_pictures(chosen, by, evidence.metrics, spread=True)
    means = evidence.in_order(means.astype({"epoch": int}), by)
    columns = [Column("set", "set"), Column("run", "variant"), *(Column(name, name) for name in by[2:])]
    columns += [Column(f"{about(m).title}", m, m) for m in evidence.telling[protocol] if means[m].notna().any()]
    columns.append(Column("pictures", "pictures"))
    return Table(f"epochs-{protocol}", f"Over the epochs in numbers, protocol {protocol}", means, columns)


def _losses(evidence: Evidence, styles: dict[str, Line]) -> list[Figure]:
    histories = evidence.histories
    if not len(histories):
        return []
    variants = {run.label: run.variant for run in evidence.study.runs}
    histories = histories.assign(variant=histories["label"].map(variants))
    wanted = {
        "train_loss": ("training loss", True),
        "holdout_loss": ("held-out loss", True),
        "learning_rate": ("learning rate", False),
    }
    panels = [
        loss_plot(histories, column, title, styles, log)
        for column, (title, log) in wanted.items()
        if column in histories and histories[column].notna().any()
    ]
    losses = {str(run.settings.get("training.loss", "loss")) for run in evidence.study.runs}
    caption = f"Loss: {', '.join(sorted(losses))} on values in 0..1, on a logarithmic axis. One line a run."
    caption += precision_note(histories)
    return [Figure("loss", "Training", panels, caption)]


def precision_note(histories: pd.DataFrame) -> str:
    """Return a sentence on the epochs that were not trained in float32; empty if there were none."""
    known = list(histories["precision"].dropna()) if "precision" in histories else []
    narrow = {name: known.count(name) for name in sorted({*known} - {"float32"})}
    if not narrow:
        return ""
    if [*narrow.values()] == [len(histories)]:
        return f" Trained with products in {next(iter(narrow))}."
    counted = " and ".join(f"{count} of {len(histories)} epochs in {name}" for name, count in narrow.items())
    others = ", the others in float32" if sum(narrow.values()) < len(histories) else ""
    return f" Products were taken: {counted}{others}."


def _appearance(evidence: Evidence, styles: dict[str, Line]) -> list[Any]:
    """Return brightness and sharpness over the epochs, and before and after enlarging."""
    lines = over_epochs(evidence)
    blocks: list[Any] = []
    titles = {"brightness": "mean luma (0–255)", "sharpness": "gradient energy"}
    names = {"original": evidence.study.beside_runs("original"), "bicubic": evidence.study.baseline_names["bicubic"]}
    lines_of = {names["original"]: Line("currentColor", "-", ""), names["bicubic"]: styles[names["bicubic"]]}
    panels = []
    for column, title in titles.items():
        for set_name in evidence.study.sets:
            of_set = lines[lines["set"] == set_name] if len(lines) else lines
            runs = of_set[of_set["epoch"].notna()] if len(of_set) else of_set
            if not len(runs):
                continue
            rows = of_set[of_set["epoch"].isna()]
            fixed = {
                names[str(name)]: (float(value), lines_of[names[str(name)]])
                for name, value in zip(rows["variant"], rows[column], strict=True)
            }
            panels.append(appearance_plot(runs, column, title, set_name, fixed, styles))
    if panels:
        pictures = int(lines["pictures"].max())
        caption = (
            f"Of up to {pictures} pictures a set. Brightness is the mean luma; gradient energy is the mean squared "
            "luma step (squared levels) between neighbours: below the original's line the picture is blurred, above "
            "it noisy or ringing."
        )
        blocks.append(Figure("appearance", "Brightness and sharpness of the restored pictures", panels, caption))
    steps = before_and_after(evidence)
    if len(steps):
        columns = [
            Column("set", "set"),
            Column("regions", "step"),
            Column("mean luma", "brightness", text=lambda v: f"{v:.1f}"),
            Column("gradient energy", "sharpness", text=lambda v: f"{v:.0f}"),
        ]
        caption = (
            f"Run {evidence.best_run.label if evidence.best_run else ''}, last epoch, the same regions at every step. "
        )
        caption += "At the smaller size a step between neighbours spans more of the scene, so its energy is higher."
        blocks.append(
            Table("appearance", "Brightness and sharpness before and after enlarging", steps, columns, caption)
        )
    if not blocks:
        blocks.append(Prose("Brightness and sharpness need the restored pictures, which are not there.", "faint"))
    return blocks
