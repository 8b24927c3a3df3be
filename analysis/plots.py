"""The panels of every figure. Names follow the report where they show the same thing."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.charts import MOST_NAMES, Axis, Cell, Panel, Series, floats, level
from analysis.style import BASELINE, Line, axis_label, power_of_ten
from srcnn.metrics import about

MOST_MARKS = 40  # points of a line, beyond which its marks would hide it
DOTTED = (0, (1, 2))
EPOCHS = Axis("epoch", whole=True)


def metric_axis(metric: str, values: object, log: bool = False) -> Axis:
    """Return the axis of a metric whose values these are."""
    numbers = np.abs(np.asarray(floats(np.ravel(np.asarray(values)))))
    power = power_of_ten(float(numbers[np.isfinite(numbers)].max(initial=0.0)))
    return Axis(axis_label(metric, power), log=log, power=power)


def evaluation_plot(
    lines: pd.DataFrame, baseline: pd.DataFrame, set_name: str, metric: str, styles: Mapping[str, Line]
) -> Panel:
    """Return a panel of a metric over the epochs for one set: a line a variant, its spread as a band, bicubic dashed.

    ``lines`` has columns variant, epoch, mean, low, high; ``baseline`` the columns variant and mean.
    """
    series = [
        Series(
            str(variant),
            styles[str(variant)],
            floats(line["epoch"]),
            floats(line["mean"]),
            floats(line["low"]),
            floats(line["high"]),
        )
        for variant, line in lines.sort_values("epoch", kind="stable").groupby("variant", observed=True, sort=False)
    ]
    series += _levels(baseline, "mean")
    title = about(metric).title
    alt = f"{title} over the epochs, set {set_name}"
    return Panel(f"{title}, {set_name}", EPOCHS, metric_axis(metric, lines["mean"]), series, alt=alt)


def loss_plot(histories: pd.DataFrame, column: str, title: str, styles: Mapping[str, Line], log: bool) -> Panel:
    """Return a panel of a column of the training histories over the epochs, a line a run."""
    series = []
    for label, line in histories.groupby("label", sort=False):
        variant = str(line["variant"].iloc[0])
        style = styles[variant] if len(line) <= MOST_MARKS // 2 else replace(styles[variant], marker="")
        series.append(Series(variant, style, floats(line["epoch"]), floats(line[column]), label=str(label)))
    return Panel(title, EPOCHS, Axis(title, log=log), series, alt=f"{title} over the epochs")


def appearance_plot(
    lines: pd.DataFrame,
    column: str,
    title: str,
    set_name: str,
    references: Mapping[str, tuple[float, Line]],
    styles: Mapping[str, Line],
) -> Panel:
    """Return a panel of brightness or sharpness over the epochs; ``references`` are level lines."""
    series = [
        Series(str(variant), styles[str(variant)], floats(line["epoch"]), floats(line[column]))
        for variant, line in lines.groupby("variant", sort=False)
    ]
    series += [level(name, line, value) for name, (value, line) in references.items()]
    alt = f"{title} over the epochs, set {set_name}"
    return Panel(set_name, EPOCHS, Axis(title), series, alt=alt)


def image_plot(table: pd.DataFrame, set_name: str, metric: str, styles: Mapping[str, Line]) -> Panel:
    """Return a panel of every picture of a set, in the table's order: bicubic and each variant as a mark.

    ``table`` has a row a picture, sorted, and a column a variant besides ``bicubic``.
    """
    count = len(table)
    rows = [float(place) for place in range(count)][::-1]
    few = count <= MOST_NAMES
    series = [
        Series(str(name), styles[name], floats(table[name]), rows, kind="marks", size=5.0 if few else 2.5)
        for name in table.columns
    ]
    names = [str(name) for name in table.index][::-1]
    y = Axis("" if few else "pictures, largest gain on top", names=names)
    alt = f"{about(metric).title} of every picture of set {set_name}"
    size = (4.6, 1.0 + 0.19 * min(count, MOST_NAMES))
    return Panel(set_name, metric_axis(metric, table), y, series, alt=alt, size=size)


def frame_plot(lines: pd.DataFrame, title: str, metric: str, styles: Mapping[str, Line]) -> Panel:
    """Return a panel of a metric over the frames of a clip, a line a variant, bicubic among them.

    ``lines`` has columns variant, frame and the metric.
    """
    series = [
        Series(str(variant), _unmarked(styles[str(variant)], line), floats(line["frame"]), floats(line[metric]))
        for variant, line in lines.sort_values("frame").groupby("variant", observed=True, sort=False)
    ]
    alt = f"{about(metric).title} over the frames of {title}"
    return Panel(title, Axis("frame", whole=True), metric_axis(metric, lines[metric]), series, alt=alt)


def correlation_plot(matrix: np.ndarray, metrics: Sequence[str]) -> Panel:
    """Return a panel of the matrix of rank correlations between metrics, with its numbers."""
    size = len(metrics)
    cells = []
    for row in range(size):
        for column in range(size):
            value = float(matrix[row, column])
            text = "–" if value != value else f"{value:.2f}".replace("-", "−")
            colour, ink = cell_colours(value)
            cells.append(Cell(column, size - 1 - row, colour, text, ink))
    names = [about(name).title for name in metrics]
    alt = "Rank correlation between the metrics"
    size_in = (1.4 + 0.42 * size, 1.0 + 0.3 * size)
    return Panel("", Axis("", names=names), Axis("", names=names[::-1]), cells=cells, alt=alt, size=size_in)


# From orange over nearly white to purple, which colour-blind readers tell apart.
_TWO_SIDED = np.array([[160, 85, 10], [240, 185, 110], [247, 247, 247], [180, 170, 215], [85, 45, 140]], float)


def cell_colours(value: float) -> tuple[str, str]:
    """Return the colour of a correlation, and black or white, whichever reads better on it."""
    if value != value:
        return "#d8d8dc", "#000000"
    at = (value + 1) / 2 * (len(_TWO_SIDED) - 1)
    i = min(int(at), len(_TWO_SIDED) - 2)
    colour = np.rint(_TWO_SIDED[i] + (at - i) * (_TWO_SIDED[i + 1] - _TWO_SIDED[i]))
    cell = colour / 255
    linear = np.where(cell <= 0.04045, cell / 12.92, ((cell + 0.055) / 1.055) ** 2.4)
    # Contrast with white equals that with black at a relative luminance of 0.179 (WCAG 2.2).
    ink = "#ffffff" if linear @ [0.2126, 0.7152, 0.0722] < 0.179 else "#000000"
    return "#" + "".join(f"{int(band):02x}" for band in colour), ink


def upsampler_plot(
    means: pd.DataFrame, set_name: str, metric: str, order: Sequence[str], styles: Mapping[str, Line]
) -> Panel:
    """Return a panel of a metric by upsampler for one set: a mark a variant, direct interpolation in grey.

    ``means`` has columns variant (``direct`` for the baseline), upsampler and the metric.
    """
    series = []
    for variant, line in means.groupby("variant", observed=True, sort=False):
        values = line.set_index(line["upsampler"].astype(str))[metric].reindex(list(order))
        style = replace(styles[str(variant)], dashes=DOTTED)
        series.append(Series(str(variant), style, _places(order), floats(values), width=0.9))
    title = about(metric).title
    alt = f"{title} by upsampler, set {set_name}"
    y = metric_axis(metric, means[metric])
    return Panel(f"{title}, {set_name}", Axis("", names=list(order)), y, series, alt=alt)


def upsampling_plot(rows: pd.DataFrame, title: str, metric: str, styles: Mapping[str, Line]) -> Panel:
    """Return the report's own plot: a metric over the sub-image number of one picture, a line an upsampler.

    Upsamplers often agree to a hair: each line is thinner than the one below it, so that all show.

    ``rows`` are score rows of one picture in the order of its crops. The axis fits the values, also
    where they are 1e-8; infinite ones are marked at the upper edge.
    """
    present = set(rows["upsampler"].astype(str))
    shown = [(name, style) for name, style in styles.items() if name in present]
    series = []
    for place, (name, style) in enumerate(shown):
        values = floats(rows.loc[rows["upsampler"] == name, metric])
        thin = place / max(1, len(shown) - 1)
        numbers = [float(number) for number in range(1, len(values) + 1)]
        series.append(Series(name, style, numbers, values, width=4.2 - 3.4 * thin, size=7.5 - 4.5 * thin))
    alt = f"{about(metric).title} over the sub-images of {title}"
    y = metric_axis(metric, rows[metric])
    return Panel(f"{about(metric).title}, {title}", Axis("sub-image number", whole=True), y, series, alt=alt)


def line_plot(table: pd.DataFrame, x: str, metric: str, styles: Mapping[str, Line], by: str, title: str) -> Panel:
    """Return a panel of a metric over any column, a line for each value of ``by``; text columns become categories.

    Rows without an epoch, where ``x`` is the epoch, are a horizontal line (bicubic).
    """
    text = not np.issubdtype(np.asarray(table[x].dropna()).dtype, np.number)
    names = list(dict.fromkeys(table[x].astype(str))) if text else []
    places = {value: float(place) for place, value in enumerate(names)}
    series = []
    for value, line in table.groupby(by, observed=True, sort=False):
        name, style = str(value), styles[str(value)]
        if text:
            style = replace(style, dashes=DOTTED)
            series.append(Series(name, style, floats(line[x].astype(str).map(places)), floats(line[metric])))
        elif line[x].isna().all():
            series.append(level(name, style, float(line[metric].iloc[0])))
        else:
            line = line.dropna(subset=[x]).sort_values(x)
            series.append(Series(name, _unmarked(style, line), floats(line[x]), floats(line[metric])))
    axis = Axis(x, names=names, whole=x in ("epoch", "frame"))
    return Panel(title, axis, metric_axis(metric, table[metric]), series, size=(4.4, 3.3))


def cost_plot(
    table: pd.DataFrame,
    x: str,
    metric: str,
    styles: Mapping[str, Line],
    label: str,
    set_name: str,
    bicubic: tuple[str, float] | None,
) -> Panel:
    """Return a panel of a metric against what is spent for it, a number above 0 in column ``x``: a line a variant.

    ``bicubic`` is the name and the value of the interpolated input.
    """
    series = [
        Series(str(variant), styles[str(variant)], floats(line[x]), floats(line[metric]))
        for variant, line in table.sort_values(x, kind="stable").groupby("variant", observed=True, sort=False)
    ]
    series += [level(bicubic[0], BASELINE, bicubic[1])] if bicubic else []
    alt = f"{about(metric).title} against {set_name}: {label}"
    return Panel(set_name, Axis(label, log=True), metric_axis(metric, table[metric]), series, alt=alt)


def _levels(baseline: pd.DataFrame, column: str) -> list[Series]:
    known = baseline.dropna(subset=[column])
    return [
        level(str(name), BASELINE, float(value)) for name, value in zip(known["variant"], known[column], strict=True)
    ]


def _unmarked(style: Line, line: pd.DataFrame) -> Line:
    return style if len(line) <= MOST_MARKS else replace(style, marker="")


def _places(names: Sequence[str]) -> list[float]:
    return [float(place) for place in range(len(names))]
