"""The panels of every figure. Names follow the report where they show the same thing."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.drawing import Axes, matplotlib, ticker
from analysis.panels import INK, Panel
from analysis.style import BASELINE, GREY, Line, axis_label, power_of_ten, ten_to_the
from srcnn.metrics import about
from srcnn.words import printable

MOST_MARKS = 40  # points of a line, beyond which its marks would hide it


def evaluation_plot(
    lines: pd.DataFrame, baseline: pd.DataFrame, set_name: str, metric: str, styles: Mapping[str, Line]
) -> Panel:
    """Return a panel of a metric over the epochs for one set: a line a variant, its spread as a band, bicubic dashed.

    ``lines`` has columns variant, epoch, mean, low, high; ``baseline`` the column mean.
    """

    def draw(axis: Axes) -> None:
        power = power_of_ten(float(np.nanmax(np.abs(lines["mean"]), initial=0.0)))
        unit = 10.0**power
        for variant, line in lines.groupby("variant", observed=True, sort=False):
            line, style = line.sort_values("epoch"), styles[str(variant)]
            axis.fill_between(
                line["epoch"], line["low"] / unit, line["high"] / unit, color=style.colour, alpha=0.15, lw=0
            )
            axis.plot(line["epoch"], line["mean"] / unit, ls=style.dashes, marker=style.marker, color=style.colour)
        for value in baseline["mean"].dropna():
            axis.axhline(value / unit, color=BASELINE.colour, ls=BASELINE.dashes, lw=1.2)
        _epochs(axis)
        axis.set_title(set_name)
        axis.set_ylabel(axis_label(metric, power))

    return Panel(draw, alt=f"{about(metric).title} over the epochs, set {set_name}")


def loss_plot(histories: pd.DataFrame, column: str, title: str, styles: Mapping[str, Line], log: bool) -> Panel:
    """Return a panel of a column of the training histories over the epochs, a line a run."""

    def draw(axis: Axes) -> None:
        for _, line in histories.groupby("label", sort=False):
            style = styles[line["variant"].iloc[0]]
            few = len(line) <= 20
            axis.plot(
                line["epoch"], line[column], ls=style.dashes, marker=style.marker if few else "", color=style.colour
            )
        if log:
            axis.set_yscale("log")
            _plain_log(axis)
        _epochs(axis)
        axis.set_ylabel(title)

    return Panel(draw, alt=f"{title} over the epochs")


def appearance_plot(
    lines: pd.DataFrame,
    column: str,
    title: str,
    set_name: str,
    references: Mapping[str, float],
    styles: Mapping[str, Line],
) -> Panel:
    """Return a panel of brightness or sharpness over the epochs; the original's and bicubic's are level lines."""

    def draw(axis: Axes) -> None:
        for variant, line in lines.groupby("variant", sort=False):
            style = styles[str(variant)]
            axis.plot(line["epoch"], line[column], ls=style.dashes, marker=style.marker, color=style.colour)
        for name, value in references.items():
            original = name == "original"
            axis.axhline(value, color=INK if original else GREY, ls="-" if original else BASELINE.dashes, lw=1.2)
        _epochs(axis)
        axis.margins(y=0.15)
        axis.set_title(set_name)
        axis.set_ylabel(title)

    return Panel(draw, alt=f"{title} over the epochs, set {set_name}")


def image_plot(table: pd.DataFrame, set_name: str, metric: str, styles: Mapping[str, Line], named: int = 30) -> Panel:
    """Return a panel of every picture of a set, in the table's order: bicubic and each variant as a mark.

    ``table`` has a row a picture, sorted, and a column a variant besides ``bicubic``. Up to
    ``named`` pictures are named; beyond, they are numbered.
    """
    count = len(table)
    height = 1.0 + 0.19 * count if count <= named else 4.5

    def draw(axis: Axes) -> None:
        rows = np.arange(count)[::-1]
        for column in table.columns:
            style = styles[column]
            size = 22 if count <= named else 7
            axis.scatter(table[column], rows, s=size, marker=style.marker, color=style.colour, zorder=3)
        if count <= named:
            spans = table.to_numpy(float)
            axis.hlines(rows, np.nanmin(spans, axis=1), np.nanmax(spans, axis=1), color=GREY, lw=0.8, zorder=2)
            axis.set_yticks(rows, [_shortened(name) for name in table.index])
            axis.set_ylim(-0.6, count - 0.4)
        else:
            axis.set_ylabel("pictures, largest gain on top")
            axis.set_yticks([])
        axis.set_title(set_name)
        axis.set_xlabel(axis_label(metric))
        axis.grid(True, axis="x")

    longest = max((len(_shortened(name)) for name in table.index), default=0)
    left = 0.25 + 0.07 * longest if count <= named else 0.35
    alt = f"{about(metric).title} of every picture of set {set_name}"
    return Panel(draw, (4.6, height), alt, (left, 0.15, 0.42, 0.24))


def frame_plot(lines: pd.DataFrame, title: str, metric: str, styles: Mapping[str, Line]) -> Panel:
    """Return a panel of a metric over the frames of a clip, a line a variant, bicubic among them.

    ``lines`` has columns variant, frame and the metric.
    """

    def draw(axis: Axes) -> None:
        power = power_of_ten(float(np.nanmax(np.abs(lines[metric]), initial=0.0)))
        for variant, line in lines.groupby("variant", observed=True, sort=False):
            line, style = line.sort_values("frame"), styles[str(variant)]
            marker = style.marker if len(line) <= MOST_MARKS else ""
            values = line[metric] / 10.0**power
            axis.plot(line["frame"].astype(float), values, ls=style.dashes, marker=marker, color=style.colour)
        _integers(axis)
        axis.set_xlabel("frame")
        axis.set_title(_shortened(title, 30))
        axis.set_ylabel(axis_label(metric, power))

    return Panel(draw, alt=f"{about(metric).title} over the frames of {title}")


def correlation_plot(matrix: np.ndarray, metrics: Sequence[str]) -> Panel:
    """Return a panel of the matrix of rank correlations between metrics, with its numbers."""
    size = len(metrics)

    def draw(axis: Axes) -> None:
        image = axis.imshow(matrix, cmap="PuOr", vmin=-1, vmax=1)
        for i in range(size):
            for j in range(size):
                value = matrix[i, j]
                text = "–" if value != value else f"{value:.2f}".replace("-", "−")
                axis.text(j, i, text, ha="center", va="center", fontsize=7.5, color=cell_text_colour(value))
        titles = [about(name).title for name in metrics]
        axis.set_xticks(range(size), titles, rotation=45, ha="right", rotation_mode="anchor")
        axis.set_yticks(range(size), titles)
        axis.grid(False)
        axis.spines[:].set_visible(False)
        axis.set_facecolor("#d8d8dc")
        bar = axis.figure.colorbar(image, ax=axis, shrink=0.8, pad=0.03)
        bar.set_label("Spearman's rank correlation")
        bar.outline.set_visible(False)

    return Panel(
        draw, (1.9 + 0.42 * size, 1.0 + 0.4 * size), "Rank correlation between the metrics", (0.55, 0.45, 0.55, 0.1)
    )


def cell_text_colour(value: float) -> str:
    """Return black or white, whichever reads better on a correlation's colour."""
    if value != value:
        return "black"
    cell = np.array(matplotlib.colormaps["PuOr"]((value + 1) / 2)[:3])
    linear = np.where(cell <= 0.04045, cell / 12.92, ((cell + 0.055) / 1.055) ** 2.4)
    # Contrast with white equals that with black at a relative luminance of 0.179 (WCAG 2.2).
    return "white" if linear @ [0.2126, 0.7152, 0.0722] < 0.179 else "black"


def upsampler_plot(
    means: pd.DataFrame, set_name: str, metric: str, order: Sequence[str], styles: Mapping[str, Line]
) -> Panel:
    """Return a panel of a metric by upsampler for one set: a mark a variant, direct interpolation in grey.

    ``means`` has columns variant (``direct`` for the baseline), upsampler and the metric.
    """

    def draw(axis: Axes) -> None:
        power = power_of_ten(float(np.nanmax(np.abs(means[metric]), initial=0.0)))
        for variant, line in means.groupby("variant", observed=True, sort=False):
            style = styles[str(variant)]
            values = line.set_index(line["upsampler"].astype(str))[metric].reindex(list(order)) / 10.0**power
            axis.plot(range(len(order)), values, ls=":", lw=0.9, marker=style.marker, color=style.colour)
        axis.set_xticks(range(len(order)), [name.replace("_", "\n") for name in order], fontsize=7.5)
        axis.set_xlim(-0.4, len(order) - 0.6)
        axis.set_title(set_name)
        axis.set_ylabel(axis_label(metric, power))

    return Panel(draw, alt=f"{about(metric).title} by upsampler, set {set_name}", margins=(0.75, 0.1, 0.42, 0.24))


def upsampling_plot(rows: pd.DataFrame, title: str, metric: str, styles: Mapping[str, Line]) -> Panel:
    """Return the report's own plot: a metric over the sub-image number of one picture, a line an upsampler.

    Upsamplers often agree to a hair: each line is thinner than the one below it, so that all show.

    ``rows`` are score rows of one picture in the order of its crops. The axis fits the values, also
    where they are 1e-8; infinite ones are marked at the upper edge.
    """

    def draw(axis: Axes) -> None:
        values = rows[metric].to_numpy(float)
        finite = values[np.isfinite(values)]
        power = power_of_ten(float(np.abs(finite).max(initial=0.0)))
        present = set(rows["upsampler"].astype(str))
        for place, (upsampler, style) in enumerate((n, s) for n, s in styles.items() if n in present):
            line, thin = rows[rows["upsampler"] == upsampler], place / max(1, len(present) - 1)
            y = line[metric].to_numpy(float) / 10.0**power
            x = np.arange(1, len(y) + 1)
            shown = np.where(np.isfinite(y), y, np.nan)
            look: dict[str, Any] = {"ls": style.dashes, "marker": style.marker, "color": style.colour}
            axis.plot(x, shown, lw=4.2 - 3.4 * thin, ms=7.5 - 4.5 * thin, **look)
            for where in x[np.isposinf(y)]:
                axis.annotate("∞", (where, 1), xycoords=("data", "axes fraction"), ha="center", va="top")
        _integers(axis)
        axis.set_xlabel("sub-image number")
        axis.set_title(_shortened(title, 30))
        axis.set_ylabel(axis_label(metric, power))

    return Panel(draw, alt=f"{about(metric).title} over the sub-images of {title}")


def line_plot(table: pd.DataFrame, x: str, metric: str, styles: Mapping[str, Line], by: str, title: str) -> Panel:
    """Return a panel of a metric over any column, a line for each value of ``by``; text columns become categories.

    Rows without an epoch, where ``x`` is the epoch, are a horizontal line (bicubic).
    """
    text = not np.issubdtype(np.asarray(table[x].dropna()).dtype, np.number)

    def draw(axis: Axes) -> None:
        power = power_of_ten(float(np.nanmax(np.abs(table[metric]), initial=0.0)))
        places = {value: i for i, value in enumerate(dict.fromkeys(table[x].astype(str)))} if text else {}
        for value, line in table.groupby(by, observed=True, sort=False):
            style = styles[str(value)]
            look: dict[str, Any] = {"color": style.colour, "label": str(value)}
            values = line[metric] / 10.0**power
            if text:
                axis.plot(line[x].astype(str).map(places), values, ls=":", marker=style.marker, **look)
            elif line[x].isna().all():
                axis.axhline(values.iloc[0], ls=style.dashes, lw=1.2, **look)
            else:
                line = line.dropna(subset=[x]).sort_values(x)
                marker = style.marker if len(line) <= MOST_MARKS else ""
                axis.plot(line[x].astype(float), line[metric] / 10.0**power, ls=style.dashes, marker=marker, **look)
        if text:
            axis.set_xticks(list(places.values()), [str(value) for value in places], rotation=30, ha="right")
        elif x in ("epoch", "frame"):
            _integers(axis)
        axis.set_xlabel(x)
        axis.set_ylabel(axis_label(metric, power))
        axis.set_title(title, fontsize=8)
        axis.legend(fontsize=7, frameon=False, title=by, title_fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 1.02))

    longest = max(len(str(value)) for value in [by, *table[by].astype(object)])
    right = 0.45 + 0.062 * longest
    return Panel(draw, (4.4 + right, 3.3), margins=(0.8, right, 0.9 if text else 0.45, 0.3))


def cost_plot(
    table: pd.DataFrame, x: str, metric: str, styles: Mapping[str, Line], title: str, bicubic: float | None
) -> Panel:
    """Return a panel of a metric against what is spent for it, a number above 0 in column ``x``: a line a variant."""

    def draw(axis: Axes) -> None:
        power = power_of_ten(float(np.nanmax(np.abs(table[metric]), initial=0.0)))
        for variant, line in table.groupby("variant", observed=True, sort=False):
            style, line = styles[str(variant)], line.sort_values(x)
            axis.plot(line[x], line[metric] / 10.0**power, ls=style.dashes, marker=style.marker, color=style.colour)
        if bicubic is not None:
            axis.axhline(bicubic / 10.0**power, color=BASELINE.colour, ls=BASELINE.dashes, lw=1.2)
        axis.set_xscale("log")
        low, high = axis.get_xlim()
        axis.set_xlim(low / 1.5, high * 1.5)
        # Within a decade LogLocator marks every step, whose labels would lie on one another.
        axis.xaxis.set_major_locator(ticker.FixedLocator([m * 10.0**e for e in range(-3, 12) for m in (1, 2, 5)]))
        axis.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:,.10g}"))
        axis.xaxis.set_minor_locator(ticker.NullLocator())
        axis.set_title(title, fontsize=8)
        axis.set_ylabel(axis_label(metric, power))

    return Panel(draw, alt=f"{about(metric).title} against {title}")


def _epochs(axis: Axes) -> None:
    _integers(axis)
    axis.set_xlabel("epoch")


def _integers(axis: Axes) -> None:
    axis.xaxis.set_major_locator(ticker.MaxNLocator(integer=True, nbins=6))


def _plain_log(axis: Axes) -> None:
    """Label an axis within a decade, too: a loss that falls by a third spans no power of ten."""
    low, high = axis.get_ylim()
    axis.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: ten_to_the(round(np.log10(value)))))
    if high / low < 30:
        axis.yaxis.set_major_locator(
            ticker.LogLocator(subs=(1, 2, 3, 5) if high / low > 3 else (1, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8))
        )
        axis.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:.3g}"))
        axis.yaxis.set_minor_locator(ticker.NullLocator())
    axis.yaxis.set_minor_formatter(ticker.NullFormatter())


def _shortened(name: str, longest: int = 18) -> str:
    name = printable(name)
    return name if len(name) <= longest else f"{name[: longest - 1]}…"
