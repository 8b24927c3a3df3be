"""The networks: what each takes and reaches, and what its first layer looks for, over the epochs."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.aggregate import mean_over_pictures
from analysis.appearance import thinned
from analysis.charts import Panel
from analysis.evidence import Evidence
from analysis.page import Column, Figure, PageSection, Prose, Shot, Shots, Table
from analysis.pictures import data_uri
from analysis.plots import cost_plot
from analysis.study import RunResults
from analysis.style import metric_head, run_styles
from srcnn.kept_weights import KeptWeights
from srcnn.regular import read_regular
from srcnn.words import duration

FILTER_EPOCHS = 6
FILTER_RUNS = 3
ACROSS = 8  # filters in a row
CELL = 30  # pixels of the page that a kernel and its edge take at most: four sheets of ACROSS lie side by side


def section(evidence: Evidence) -> PageSection | None:
    """Return the networks' costs beside what they reach, and the filters of the best runs."""
    blocks: list[Any] = []
    costs = cost_table(evidence)
    if len(costs):
        metric = evidence.leading
        sets = [name for name in evidence.study.sets if _reached(name) in costs]
        columns = [
            Column("run", "variant"),
            Column("network", "network"),
            Column("weights", "weights", text=_counted),
            Column("multiplications per pixel", "multiplications", text=_counted),
            Column("training", "seconds", text=_seconds),
            *(Column(f"{name}, {metric_head(metric)}", _reached(name), metric, best_in=()) for name in sets),
        ]
        caption = (
            f"Protocol {evidence.main}, each run's last scored epoch, mean over seeds. Multiplications by a weight are "
            "counted for each pixel of the restored picture; training is the time in optimiser steps."
        )
        blocks.append(Table("networks", "What each network takes, and what it reaches", costs, columns, caption))
        blocks += _figure(evidence, costs, sets)
    blocks += _filters(evidence)
    return PageSection("networks", "Looking inside", blocks) if blocks else None


def cost_table(evidence: Evidence) -> pd.DataFrame:
    """Return a row a variant: its network, weights, multiplications, seconds of training; the leading metric by set."""
    last, metric = evidence.of_page(evidence.last), evidence.leading
    means = mean_over_pictures(last[last["run_id"].notna()], ["set", "variant"], [metric])
    rows = []
    for variant, runs in evidence.study.variants.items():
        reached = means[means["variant"] == variant].set_index("set")[metric]
        if not len(reached) or not runs[0].weights:
            continue
        row = {"variant": variant, "network": runs[0].settings.get("model.name", "")}
        row |= {"weights": runs[0].weights, "multiplications": runs[0].multiplications}
        seconds = [spent[max(spent)] for run in runs if (spent := training_seconds(evidence, run))]
        row["seconds"] = float(np.mean(seconds)) if seconds else float("nan")
        rows.append(row | {_reached(str(name)): float(value) for name, value in reached.items()})
    return pd.DataFrame(rows)


def _reached(name: str) -> str:
    """Return the column of what is reached on a set, which may be called like any other column."""
    return f"on {name}"


def training_seconds(evidence: Evidence, run: RunResults) -> dict[int, float]:
    """Return the seconds that a run had trained for at the end of each epoch."""
    histories = evidence.histories
    if not len(histories) or "seconds" not in histories:
        return {}
    own = histories[histories["run_id"] == run.run_id].sort_values("epoch")
    return dict(zip(own["epoch"].astype(int), own["seconds"].cumsum().astype(float), strict=True))


def time_panels(evidence: Evidence) -> dict[str, Panel]:
    """Return, by set, the leading metric against seconds of training, over the epochs; no set without times."""
    curves, baseline = _curves(evidence), _baseline(evidence)
    curves = curves[curves["seconds"] > 0]
    styles = run_styles(evidence.study.variants, evidence.study.baseline_names.values())
    return {
        name: cost_plot(of_set, "seconds", evidence.leading, styles, "seconds of training", name, baseline.get(name))
        for name in evidence.study.sets
        if len(of_set := curves[curves["set"] == name])
    }


def _figure(evidence: Evidence, costs: pd.DataFrame, sets: list[str]) -> list[Figure]:
    """Return the leading metric against multiplications, and against the seconds of training on further sets."""
    styles = run_styles(evidence.study.variants, evidence.study.baseline_names.values())
    metric, baseline = evidence.leading, _baseline(evidence)
    times, panels = time_panels(evidence), []
    for name in sets:
        if name in times and name != evidence.headline:
            panels.append(times[name])
        if costs["multiplications"].nunique() > 1:
            marks = costs.assign(**{metric: costs[_reached(name)]})
            label = "multiplications per pixel"
            panels.append(cost_plot(marks, "multiplications", metric, styles, label, name, baseline.get(name)))
    if not panels:
        return []
    caption = "Over the scored epochs, mean over seeds and pictures; what is spent is on a logarithmic axis."
    return [Figure("networks", "What is reached for what is spent", panels, caption)]


def _curves(evidence: Evidence) -> pd.DataFrame:
    """Return set, variant, epoch, seconds and the leading metric of every scored epoch, the mean over seeds."""
    frame, metric = evidence.of_page(evidence.pictures), evidence.leading
    chosen = frame[frame["run_id"].notna()]
    means = mean_over_pictures(chosen, ["set", "variant", "epoch"], [metric])
    spent: dict[tuple[str, int], list[float]] = {}
    for run in evidence.scored_runs:
        for epoch, seconds in training_seconds(evidence, run).items():
            spent.setdefault((run.variant, epoch), []).append(seconds)
    keys = zip(means["variant"].astype(str), means["epoch"].astype(int), strict=True)
    return means.assign(seconds=[float(np.mean(spent.get(key, [np.nan]))) for key in keys])


def _baseline(evidence: Evidence) -> dict[str, tuple[str, float]]:
    """Return the name and the leading metric of bicubic interpolation by set."""
    last, metric = evidence.of_page(evidence.last), evidence.leading
    means = mean_over_pictures(last[last["method"] == "bicubic"], ["set"], [metric])
    name = evidence.study.baseline_names["bicubic"]
    return {str(of): (name, float(value)) for of, value in zip(means["set"], means[metric], strict=True)}


def _filters(evidence: Evidence) -> list[Any]:
    """Return the kernels of the first layer of the best runs, over the epochs."""
    best = evidence.best_run
    if best is None:
        return []
    others = [runs[0] for name, runs in evidence.study.variants.items() if name != best.variant]
    strips: list[Any] = []
    without = []
    for run in [best, *(run for run in others if run.run_id in evidence.last_epoch)][:FILTER_RUNS]:
        kernels = {
            epoch: found
            for epoch in thinned(list(run.epochs), FILTER_EPOCHS)
            if (found := first_kernels(evidence, run, epoch)) is not None
        }
        if not kernels:
            without.append(run.label)
            continue
        largest = max(float(np.abs(each).max()) for each in kernels.values())
        shots = []
        for epoch, found in kernels.items():
            picture = drawn_kernels(found, largest)
            height, width = picture.shape[:2]
            alt = f"kernels of the first layer of {run.label}, epoch {epoch}"
            shots.append(Shot(data_uri(picture), width, height, [f"epoch {epoch}"], alt))
        count, size = next(iter(kernels.values())).shape[:2]
        caption = f"{count} kernels of {size}x{size}; grey is 0, white {largest:.2g}, black −{largest:.2g}."
        strips.append(Shots(f"First layer over the epochs: {run.label}", shots, caption.replace("e-", "e−")))
    if without:
        strips.append(Prose(f"No checkpoint with a first layer that could be drawn: {', '.join(without)}.", "faint"))
    return strips


def first_kernels(evidence: Evidence, run: RunResults, epoch: int) -> NDArray[np.float32] | None:
    """Return the kernels (n, k, k) of a run's first convolution of luma at an epoch; None where there is none.

    The checkpoint is read, and no code of a network's is run for it.
    """
    try:
        weights = KeptWeights(read_regular(evidence.study.paths.run(run.run_id).checkpoint(epoch)))
        for name, shape in weights.shapes.items():
            if len(shape) == 4 and shape[1] == 1 and shape[2] == shape[3] > 1:
                return weights.array(name)[:, 0].astype(np.float32)
    except (OSError, ValueError):
        pass
    return None


def drawn_kernels(kernels: NDArray[np.float32], largest: float) -> NDArray[np.uint8]:
    """Return kernels (n, k, k) side by side as a picture (H, W, 3); those of one length have one look in all epochs."""
    count, size = kernels.shape[:2]
    dot, rows = max(1, CELL // (size + 1)), -(-count // ACROSS)
    cell = (size + 1) * dot
    sheet = np.full((rows * cell + dot, min(count, ACROSS) * cell + dot), 255, np.uint8)
    levels = np.rint(127.5 + 127.5 * kernels / (largest or 1.0)).astype(np.uint8)
    for number, square in enumerate(levels):
        y, x = (place * cell + dot for place in divmod(number, ACROSS))
        sheet[y : y + size * dot, x : x + size * dot] = square.repeat(dot, axis=0).repeat(dot, axis=1)
    return np.repeat(sheet[..., None], 3, axis=2)


def _counted(value: Any) -> str:
    return f"{int(value):,}"


def _seconds(value: Any) -> str:
    return "–" if value != value else duration(float(value)) if value >= 10 else f"{value:.1f} s"
