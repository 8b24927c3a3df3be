"""Figures, drawn without a display. Names follow the report where they show the same thing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from srcnn.metrics import find

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito: told apart by colour-blind readers. Bicubic is always grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
BASELINE_COLOUR = "#767676"


def run_colours(labels: Sequence[str]) -> dict[str, str]:
    """One colour for each run, the same in every figure of a study."""
    return {label: COLOURS[number % len(COLOURS)] for number, label in enumerate(labels)}


def _figure(columns: int, rows: int, height: float = 2.9) -> "tuple[Figure, list]":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.4 * columns, height * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.25)
    return figure, list(axes)


def axis_label(metric: str) -> str:
    """A metric's title, unit and the direction that is better."""
    about = find(metric)
    unit = "" if about.unit == "1" else f" ({about.unit})"
    return f"{about.title}{unit}, {'higher' if about.higher_is_better else 'lower'} is better"


def evaluation_plot(
    means: pd.DataFrame, baseline: pd.DataFrame, metrics: Sequence[str], colours: dict[str, str]
) -> "Figure":
    """Each metric over the epochs, one row of axes a set, a line a run, bicubic dashed.

    ``means`` has columns set, label, epoch and the metrics; ``baseline`` set and the metrics.
    """
    from matplotlib.ticker import MaxNLocator

    sets = list(dict.fromkeys(means["set"]))
    figure, axes = _figure(len(metrics), len(sets))
    for row, set_name in zip(axes, sets, strict=True):
        for axis, metric in zip(row, metrics, strict=True):
            for label, line in means[means["set"] == set_name].groupby("label", sort=False):
                line = line.sort_values("epoch")
                axis.plot(line["epoch"], line[metric], "o-", ms=4, color=colours[str(label)], label=str(label))
            for value in baseline[baseline["set"] == set_name][metric]:
                axis.axhline(value, color=BASELINE_COLOUR, ls="--", label="bicubic")
            axis.set_title(set_name, fontsize=10)
            axis.set_xlabel("epoch")
            axis.set_ylabel(axis_label(metric), fontsize=9)
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    _one_legend(figure, axes[0][0])
    return figure


def loss_plot(histories: pd.DataFrame, colours: dict[str, str]) -> "Figure":
    """Held-out loss and learning rate over the epochs, a line a run."""
    from matplotlib.ticker import MaxNLocator

    figure, axes = _figure(2, 1)
    columns = {"holdout_loss": "held-out loss (log scale)", "learning_rate": "learning rate"}
    for axis, (column, title) in zip(axes[0], columns.items(), strict=True):
        for label, line in histories.groupby("label", sort=False):
            axis.plot(line["epoch"], line[column], "o-", ms=3, color=colours[str(label)], label=str(label))
        axis.set_xlabel("epoch")
        axis.set_ylabel(title)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0][0].set_yscale("log")
    _one_legend(figure, axes[0][0])
    return figure


def _one_legend(figure: "Figure", axis: "Axes") -> None:
    handles, labels = axis.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    figure.legend(
        unique.values(), unique.keys(), loc="outside upper center", ncols=min(len(unique), 4), frameon=False, fontsize=9
    )


def to_svg(figure: "Figure") -> str:
    """The figure as SVG that can stand inside a page, text kept as text."""
    import io

    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "srcnn"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
