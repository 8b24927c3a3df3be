"""Figures as files: panels laid out on one sheet, written as PDF and SVG, and as PNG, which is a picture of the PDF."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pypdfium2 import PdfDocument

from analysis.charts import Axis, Panel, Series, legend_of, ticks
from analysis.pens import INK, TEXT, PdfPen, Pen, SvgPen, width_of
from analysis.style import Line
from srcnn.files import write_bytes
from srcnn.words import printable

GRID = "#e3e3e6"
DPI = 110  # of a PNG
SMALL = 8.0  # points of the text along an axis
_LINE = 0.17  # inches of a line of text
_MARGIN = 0.12
_TICKS = 0.1  # inches under a panel whose horizontal axis has its words under another
MANY = 12  # series of a panel, beyond which bands and marks would hide the lines


def save(panels: Sequence[Panel], *targets: Path) -> None:
    """Write all panels and their legend as one picture, in the format of each target's suffix.

    Raises ValueError for a suffix that is not one of .svg, .png and .pdf.
    """
    suffixes = {target.suffix for target in targets}
    if unknown := suffixes - {".svg", ".png", ".pdf"}:
        raise ValueError(f"a figure is written as .svg, .png or .pdf, not as {min(unknown)!r}")
    sheet = _Sheet(panels)
    files = {".svg": sheet.drawn(SvgPen)} if ".svg" in suffixes else {}
    if suffixes & {".pdf", ".png"}:
        files[".pdf"] = sheet.drawn(PdfPen)
    if ".png" in suffixes:
        files[".png"] = as_png(files[".pdf"])
    for target in targets:
        write_bytes(target, files[target.suffix])


def as_png(pdf: bytes) -> bytes:
    """Return the page of a PDF as PNG: pdfium fills its pixels in a tenth of the time of drawing it again."""
    with PdfDocument(pdf) as document:
        picture = document[0].render(scale=DPI / 72).to_pil()
    file = BytesIO()
    # A little larger than the smallest, in half the time.
    picture.save(file, "PNG", compress_level=3, dpi=(DPI, DPI))
    return file.getvalue()


def _key_rows(legend: Mapping[str, Line], width: float) -> list[list[tuple[float, str, Line]]]:
    """Return the entries of the legend with their places, in columns if they need more than one row."""
    shown = [(shortened(name, 60), line) for name, line in legend.items()]
    wides = [0.55 + width_of(name, TEXT) for name, _ in shown]
    if _MARGIN + sum(wides) > width:
        wides = [max(wides)] * len(wides)
    rows: list[list[tuple[float, str, Line]]] = []
    left = width
    for (name, line), wide in zip(shown, wides, strict=True):
        if left + wide > width:
            rows.append([])
            left = _MARGIN
        rows[-1].append((left, name, line))
        left += wide
    return rows


class _Room(NamedTuple):
    """The inches left and below the frame of a panel; with ``shared``, the words below are those of the next row."""

    west: float
    south: float
    shared: bool


class _Sheet:
    """The panels of a figure in rows, and the legend under them."""

    def __init__(self, panels: Sequence[Panel]) -> None:
        columns = 2 if len(panels) in (2, 4) else 3
        self.rows = [panels[i : i + columns] for i in range(0, len(panels), columns)]
        self.width = max(sum(panel.size[0] for panel in row) for row in self.rows)
        self.keys = _key_rows(legend_of(panels), self.width)
        self.title = ", ".join(dict.fromkeys(panel.title for panel in panels))
        widest: dict[Any, float] = defaultdict(float)  # by place in the row and size
        for place, panel in ((place, panel) for row in self.rows for place, panel in enumerate(row)):
            widest[place, panel.size] = max(widest[place, panel.size], _west(panel))
        self.rooms, self.heights = [], []
        for row, under in zip_longest(self.rows, self.rows[1:], fillvalue=()):
            wests = [widest[place, panel.size] for place, panel in enumerate(row)]
            south, shared = max(map(_south, row, wests)), _serves(under, row)
            self.rooms.append([_Room(west, _TICKS if shared else south, shared) for west in wests])
            self.heights.append(max(panel.size[1] for panel in row) - (south - _TICKS if shared else 0.0))
        self.height = sum(self.heights) + len(self.keys) * _LINE + (_MARGIN if self.keys else 0)

    def drawn(self, kind: Callable[[float, float, str], Pen]) -> bytes:
        """Return the sheet as a file, drawn by a kind of pen."""
        pen = kind(self.width, self.height, self.title)
        top = self.height
        for row, height, rooms in zip(self.rows, self.heights, self.rooms, strict=True):
            left = 0.0
            for panel, room in zip(row, rooms, strict=True):
                _draw_panel(pen, panel, left, top - height, height, room)
                left += panel.size[0]
            top -= height
        for keys in self.keys:
            top -= _LINE
            for left, name, line in keys:
                ends = np.array([[left, top], [left + 0.3, top]])
                pen.line(ends, line.colour, 1.5, line.dashes)
                pen.marks(ends.mean(axis=0, keepdims=True), line.marker, line.colour, 4.0)
                pen.text(left + 0.36, top, name, vertical="middle")
        return pen.file()


def _west(panel: Panel) -> float:
    """Return the inches that a panel's vertical axis and its words take."""
    longest = max((width_of(shortened(text), SMALL) for _, text in ticks(panel.y, *panel.bounds[1])), default=0.0)
    return _MARGIN + longest + (0.22 if panel.y.label else 0.0)


def _south(panel: Panel, west: float) -> float:
    """Return the inches that a panel's horizontal axis and its words take."""
    slant = 0.6 * _longest(panel) if _slanted(panel, west) else 0.0
    return 0.26 + slant + (0.18 if panel.x.label else 0.0)


def _across(panel: Panel) -> list[tuple[float, str]]:
    return [(value, shortened(text)) for value, text in ticks(panel.x, *panel.bounds[0])]


def _longest(panel: Panel) -> float:
    return max((width_of(text, SMALL) for _, text in _across(panel)), default=0.0)


def _slanted(panel: Panel, west: float) -> bool:
    """Say whether the names along a panel's horizontal axis are too long to stand side by side."""
    return bool(panel.x.names) and _longest(panel) + 0.05 > (panel.size[0] - west - _MARGIN) / len(_across(panel))


def _serves(under: Sequence[Panel], row: Sequence[Panel]) -> bool:
    """Say whether the words of the horizontal axes under a row serve it, too: each of its panels has the same."""

    def same(panel: Panel, lower: Panel) -> bool:
        alike = panel.x == lower.x and panel.size == lower.size and not panel.cells
        return alike and panel.bounds[0] == lower.bounds[0]

    return len(under) == len(row) and all(map(same, row, under))


def _draw_panel(pen: Pen, panel: Panel, left: float, bottom: float, height: float, room: _Room) -> None:
    (x_low, x_high), (y_low, y_high) = panel.bounds
    frame = (
        left + room.west,
        bottom + room.south,
        panel.size[0] - room.west - _MARGIN,
        height - room.south - 0.3,
    )
    across = _Scale(panel.x, x_low, x_high, frame[0], frame[2])
    upwards = _Scale(panel.y, y_low, y_high, frame[1], frame[3])
    right, top = frame[0] + frame[2], frame[1] + frame[3]
    pen.text(frame[0], top + 0.1, shortened(panel.title, 44), bold=True, size=9)
    places = [(float(upwards.of(value)), text) for value, text in ticks(panel.y, y_low, y_high)]
    if not panel.cells:
        pen.lines([[(frame[0], y), (right, y)] for y, _ in places], GRID, 0.6)
    for y, text in places:
        pen.text(frame[0] - 0.06, y, shortened(text), size=SMALL, across=1, vertical="middle")
    slanted = _slanted(panel, room.west)
    places = [(float(across.of(value)), text) for value, text in _across(panel)]
    if room.shared:
        pen.lines([[(x, frame[1]), (x, frame[1] - 0.04)] for x, _ in places], INK, 0.7)
    for x, text in places if not room.shared else ():
        if slanted:
            pen.text(x + 0.03, frame[1] - 0.14, text, size=SMALL, across=1, angle=35)
        else:
            pen.text(x, frame[1] - 0.17, text, size=SMALL, across=0.5)
    pen.text(left + 0.14, frame[1] + frame[3] / 2, panel.y.label, across=0.5, angle=90)
    if not room.shared:
        pen.text(frame[0] + frame[2] / 2, bottom + 0.08, panel.x.label, across=0.5)
    if not panel.cells:
        pen.line(np.array([[frame[0], top], [frame[0], frame[1]], [right, frame[1]]]), INK, 0.7)
    for cell in panel.cells:
        x, y = across.of(cell.column), upwards.of(cell.row)
        w, h = frame[2] / len(panel.x.names) / 2, frame[3] / len(panel.y.names) / 2
        pen.area(np.array([[x - w, y - h], [x + w, y - h], [x + w, y + h], [x - w, y + h]]), cell.colour)
        pen.text(x, y, cell.text, cell.ink, 7.5, across=0.5, vertical="middle")
    with pen.clipped(frame[0] - 0.04, frame[1] - 0.04, frame[2] + 0.08, frame[3] + 0.08):
        for series in panel.series:
            _draw_series(pen, series, across, upwards, (frame[0], right), many=len(panel.series) > MANY)
    for series in panel.series:
        if series.kind != "level":
            x = across.of(series.x)
            for place in x[np.isfinite(x) & np.isposinf(np.asarray(series.y, float))]:
                pen.text(place, top - 0.1, "∞", series.line.colour, across=0.5)


def _draw_series(
    pen: Pen, series: Series, across: "_Scale", upwards: "_Scale", sides: tuple[float, float], many: bool
) -> None:
    look = series.line
    if series.kind == "level":
        y = upwards.of(series.y[0])
        pen.line(np.array([[sides[0], y], [sides[1], y]]), look.colour, series.width, look.dashes)
        return
    x, y = across.of(series.x), upwards.of(series.y)
    if len(series.low) and not many:
        low, high = upwards.of(series.low), upwards.of(series.high)
        there = np.isfinite(x) & np.isfinite(low) & np.isfinite(high)
        edge = np.concatenate([x[there], x[there][::-1]]), np.concatenate([low[there], high[there][::-1]])
        if there.any():
            pen.area(np.stack(edge, axis=1), look.colour, 0.15)
    points = np.stack([x, np.where(np.isfinite(y), y, np.nan)], axis=1)
    if series.kind == "line":
        pen.line(points, look.colour, series.width, look.dashes)
    if not many or series.kind == "marks" or len(points) == 1:
        pen.marks(points[np.isfinite(points).all(axis=1)], look.marker, look.colour, series.size)


class _Scale:
    """Where on the paper, in inches, the values of an axis lie."""

    def __init__(self, axis: Axis, low: float, high: float, start: float, length: float) -> None:
        self.log, self.start = axis.log, start
        self.low = np.log(low) if axis.log else low
        self.factor = length / ((np.log(high) if axis.log else high) - self.low)

    def of(self, values: Any) -> Any:
        """Return the place of each value; nan where a logarithmic axis has none."""
        with np.errstate(invalid="ignore", divide="ignore"):
            values = np.asarray(values, float)
            values = np.log(values) if self.log else values
            return self.start + (values - self.low) * self.factor


def shortened(name: str, longest: int = 18) -> str:
    """Return a name that has at most so many letters, an ellipsis in place of the rest."""
    name = printable(name)
    return name if len(name) <= longest else f"{name[: longest - 1]}…"
