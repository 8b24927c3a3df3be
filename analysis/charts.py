"""Figures as numbers: panels of series on two axes, which the page draws and ``panels`` writes to files."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from analysis.style import Line, ten_to_the
from srcnn.words import printable

SIZE = (3.5, 2.5)  # inches of one panel
MOST_NAMES = 30  # along an axis


@dataclass(frozen=True)
class Axis:
    """One axis: its label, and how it counts.

    ``names`` are those of the places 0, 1, 2 and so on; ``whole`` numbers have no ticks between them; ``power`` is
    the power of ten by which ticks are divided, which the label says.
    """

    label: str
    log: bool = False
    names: Sequence[str] = ()
    whole: bool = False
    power: int = 0


@dataclass(frozen=True)
class Series:
    """Points (x, y) of one name, joined by a line unless they are ``marks``; a ``level`` is one y at every x.

    ``low`` and ``high``, if given, are the edges of a band. ``name`` is that of the legend, ``label`` says more.
    A y that is nan is a gap; one that is infinite is marked at the edge.
    """

    name: str
    line: Line
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    kind: Literal["line", "marks", "level"] = "line"
    width: float = 1.5
    size: float = 4.0
    label: str = ""


class Cell(NamedTuple):
    """One cell of a matrix: its place, its colour, its text and that one's colour."""

    column: int
    row: int
    colour: str
    text: str
    ink: str


@dataclass(frozen=True)
class Panel:
    """A pair of axes with what stands in it; ``alt`` says in words what it shows, ``size`` is in inches."""

    title: str
    x: Axis
    y: Axis
    series: Sequence[Series] = ()
    cells: Sequence[Cell] = ()
    alt: str = ""
    size: tuple[float, float] = SIZE

    @cached_property
    def bounds(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """The lowest and the highest x and y that the axes reach."""
        return _bounds(self.x, _values(self, "x")), _bounds(self.y, _values(self, "y"))


def legend_of(panels: Sequence[Panel]) -> dict[str, Line]:
    """Return the line of every name in the panels."""
    return {series.name: series.line for panel in panels for series in panel.series}


def as_json(panels: Sequence[Panel]) -> str:
    """Return the panels as JSON for the page, numbers with six digits."""
    return json.dumps([_panel(panel) for panel in panels], ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _panel(panel: Panel) -> dict[str, Any]:
    shown: dict[str, Any] = {"title": printable(panel.title), "alt": printable(panel.alt), "size": panel.size}
    for name, axis in (("x", panel.x), ("y", panel.y)):
        about: dict[str, Any] = {"label": printable(axis.label)}
        about |= {key: getattr(axis, key) for key in ("log", "whole", "power") if getattr(axis, key)}
        shown[name] = about | ({"names": [printable(each) for each in axis.names]} if axis.names else {})
    shown["series"] = [_series(series) for series in panel.series]
    if panel.cells:
        shown["cells"] = [list(cell) for cell in panel.cells]
    return shown


def _series(series: Series) -> dict[str, Any]:
    line = series.line
    about: dict[str, Any] = {"name": printable(series.name), "colour": line.colour, "marker": line.marker}
    about |= {"kind": series.kind, "width": series.width, "size": series.size}
    if line.dashes != "-":
        about["dashes"] = [series.width * part for part in line.dashes[1]]
    if series.label and series.label != series.name:
        about["label"] = printable(series.label)
    for key in ("x", "y", "low", "high"):
        values = getattr(series, key)
        if len(values):
            about[key] = [_rounded(value) for value in values]
    return about


def _rounded(value: float) -> float | int | str | None:
    value = float(value)
    if math.isnan(value):
        return None
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return int(value) if value == int(value) and abs(value) < 1e15 else float(f"{value:.6g}")


def numbers(panels: Sequence[Panel]) -> pd.DataFrame:
    """Return all points of a figure: panel, name, x and y as its axes call them, low and high of bands."""
    rows: list[dict[str, Any]] = []
    for panel in panels:
        about = {"panel": panel.title, "horizontal": panel.x.label, "vertical": panel.y.label}
        for cell in panel.cells:
            places = {"x": panel.x.names[cell.column], "y": panel.y.names[cell.row]}
            rows.append(about | {"name": ""} | places | {"value": cell.text})
        for series in panel.series:
            for place, y in enumerate(series.y):
                x = float(series.x[place]) if len(series.x) > place else math.nan
                row = about | {"name": series.label or series.name, "x": _named(x, panel.x), "y": _named(y, panel.y)}
                if len(series.low):
                    row |= {"low": float(series.low[place]), "high": float(series.high[place])}
                rows.append(row)
    return pd.DataFrame(rows)


def _named(value: float, axis: Axis) -> Any:
    return axis.names[int(value)] if axis.names and value == value else float(value)


def _values(panel: Panel, which: str) -> Iterator[float]:
    for series in panel.series:
        for key in (which,) if which == "x" else ("y", "low", "high"):
            yield from (float(value) for value in getattr(series, key) if math.isfinite(value))


def _bounds(axis: Axis, values: Iterator[float]) -> tuple[float, float]:
    if axis.names:
        return -0.5, len(axis.names) - 0.5
    found = [value for value in values if value > 0 or not axis.log]
    if not found:
        return (0.1, 1.0) if axis.log else (0.0, 1.0)
    low, high = min(found), max(found)
    if axis.log:
        spare = max((high / low) ** 0.05, 1.05)
        return low / spare, high * spare
    spare = 0.05 * (high - low) or 0.05 * abs(high) or 0.5
    return (0.0 if low >= 0 > low - spare else low - spare), high + spare


def ticks(axis: Axis, low: float, high: float, most: int = 5) -> list[tuple[float, str]]:
    """Return places between two ends and their texts: round numbers, few of them; or names, all of up to MOST_NAMES.

    ``charts.js`` has the same.
    """
    if axis.names:
        apart = -(-len(axis.names) // MOST_NAMES)
        return [(float(place), printable(axis.names[place])) for place in range(0, len(axis.names), apart)]
    places = log_places(low, high, most) if axis.log else []
    if len(places) >= 2:
        return [(value, _plain(value)) for value in places]
    unit = 10.0**axis.power
    low, high = low / unit, high / unit
    step = _step((high - low) / most, axis.whole)
    digits = next(places for places in range(20) if abs(step - round(step, places)) < 1e-9 * step)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    texts = [(n * step * unit, f"{n * step + 0.0:,.{digits}f}".replace("-", "−")) for n in range(first, last + 1)]
    return [(value, text) for value, text in texts if value > 0 or not axis.log]


def log_places(low: float, high: float, most: int) -> list[float]:
    """Return 1, 2 and 5 of every power of ten between two ends, or the powers alone, or every second of them."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    places = [m * 10.0**e for e in range(first, last + 1) for m in (1, 2, 5)]
    places = [value for value in places if low <= value <= high]
    if len(places) <= most + 1:
        return places
    apart = -(-(last - first) // most)
    return [value for e in range(first, last + 1) if e % apart == 0 and low <= (value := 10.0**e) <= high]


def _step(least: float, whole: bool) -> float:
    """Return the smallest of 1, 2, 2.5 and 5 times a power of ten that is not below ``least``."""
    unit = 10.0 ** math.floor(math.log10(least))
    step = next(m * unit for m in (1, 2, 2.5, 5, 10) if m * unit >= least * (1 - 1e-9))
    return step if not whole else 2.0 if step == 2.5 else max(1.0, step)


def _plain(value: float) -> str:
    if 1e-3 <= value < 1e6:
        return f"{value:,.10g}"
    power = math.floor(math.log10(value) + 1e-9)
    factor = round(value / 10.0**power)
    return f"{factor}·{ten_to_the(power)}" if factor != 1 else ten_to_the(power)


def level(name: str, line: Line, value: float) -> Series:
    """Return a level line."""
    return Series(name, line, (), (value,), kind="level", width=1.2)


def floats(values: Any) -> Sequence[float]:
    """Return numbers as plain floats, absent ones as nan."""
    numbers = np.asarray(values)
    if numbers.dtype.kind not in "biuf":
        column = values if isinstance(values, pd.Series) else pd.Series(values)
        numbers = pd.to_numeric(column, errors="coerce").to_numpy(float, na_value=math.nan)
    found: list[float] = numbers.astype(float).tolist()
    return found
