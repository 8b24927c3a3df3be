"""Figures as files: PDF and SVG, drawn with the renderers of matplotlib alone, and PNG, which is a picture of the PDF.

Matplotlib's axes, ticks and layouts are left out: they take ten times as long as what they draw.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from io import BytesIO
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pypdfium2 import PdfDocument

from analysis.charts import Axis, Panel, Series, legend_of, ticks
from analysis.drawing import (
    Affine2D,
    Artist,
    Bbox,
    Figure,
    FontProperties,
    MarkerStyle,
    Shape,
    matplotlib,
    text_to_path,
    to_rgb,
)
from analysis.style import Line
from srcnn.files import write_bytes
from srcnn.words import printable

INK, GRID = "#1d1d1f", "#e3e3e6"
DPI = 110  # of a PNG
_LETTER, _LINE = 0.062, 0.17  # inches that a letter takes on average, and a line of text
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
    columns = 2 if len(panels) in (2, 4) else 3
    rows = [panels[i : i + columns] for i in range(0, len(panels), columns)]
    width = max(sum(panel.size[0] for panel in row) for row in rows)
    keys = _key_rows(legend_of(panels), width)
    sheet = _Sheet(rows, keys)
    with _own_look():
        figure = Figure(figsize=(width, sheet.height))
        figure.add_artist(sheet)
        drawn = {".svg": _drawn(figure, "svg", "Date")} if ".svg" in suffixes else {}
        if suffixes & {".pdf", ".png"}:
            drawn[".pdf"] = _drawn(figure, "pdf", "CreationDate")
    if ".png" in suffixes:
        drawn[".png"] = _as_png(drawn[".pdf"])
    for target in targets:
        write_bytes(target, drawn[target.suffix])


def _drawn(figure: Figure, kind: str, date: str) -> bytes:
    """Return the figure as a file of a kind without its date, so that the same figure is the same file."""
    file = BytesIO()
    figure.savefig(file, format=kind, metadata={date: None})
    return file.getvalue()


def _as_png(pdf: bytes) -> bytes:
    """Return the page of a PDF as PNG: pdfium fills its pixels in a tenth of the time of drawing it again."""
    with PdfDocument(pdf) as document:
        picture = document[0].render(scale=DPI / 72).to_pil()
    file = BytesIO()
    # A little larger than the smallest, in half the time.
    picture.save(file, "PNG", compress_level=3, dpi=(DPI, DPI))
    return file.getvalue()


@contextmanager
def _own_look() -> Iterator[None]:
    """Set the library's defaults, whatever the user's matplotlibrc says (usetex needs a TeX)."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # a letter that its font lacks is a box
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "srcnn"})
        yield


def _key_rows(legend: Mapping[str, Line], width: float) -> list[list[tuple[float, str, Line]]]:
    """Return the entries of the legend with their places, in as many rows as they need."""
    rows: list[list[tuple[float, str, Line]]] = []
    left = width
    for name, line in legend.items():
        name = shortened(name, 60)
        wide = 0.55 + _LETTER * len(name)
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


class _Sheet(Artist):
    """The whole picture, as something that a figure draws."""

    def __init__(self, rows: Sequence[Sequence[Panel]], keys: Sequence[Sequence[tuple[float, str, Line]]]) -> None:
        super().__init__()
        self.rows, self.keys = rows, keys
        self.rooms, self.heights = [], []
        for row, under in zip_longest(rows, rows[1:], fillvalue=()):
            wests = [max(_west(other) for other in _column(rows, k, panel.size)) for k, panel in enumerate(row)]
            south, shared = max(map(_south, row, wests)), _serves(under, row)
            self.rooms.append([_Room(west, _TICKS if shared else south, shared) for west in wests])
            self.heights.append(max(panel.size[1] for panel in row) - (south - _TICKS if shared else 0.0))
        self.height = sum(self.heights) + len(keys) * _LINE + (_MARGIN if keys else 0)

    def draw(self, renderer: Any) -> None:
        """Draw with a renderer, which knows the format."""
        pen = _Pen(renderer, self.figure.dpi)
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


class _Pen:
    """What draws lines, marks and text, all in inches from the lower left; sizes and widths in points."""

    def __init__(self, renderer: Any, dpi: float) -> None:
        self.renderer, self.dpi = renderer, dpi
        self.scale = Affine2D().scale(dpi)
        self.clip: Any = None

    def _context(self, colour: str, width: float = 0.0, alpha: float | None = None) -> Any:
        context = self.renderer.new_gc()
        context.set_foreground(_rgb(colour))
        context.set_linewidth(width)
        context.set_joinstyle("round")
        if alpha is not None:
            context.set_alpha(alpha)
        if self.clip is not None:
            context.set_clip_rectangle(self.clip)
        return context

    def clip_to(self, left: float, bottom: float, width: float, height: float) -> None:
        """Draw lines inside this box alone."""
        self.clip = Bbox.from_bounds(*(side * self.dpi for side in (left, bottom, width, height)))

    def line(self, points: Any, colour: str, width: float, dashes: Any = "-") -> None:
        """Draw a line through points (n, 2), broken where one is nan."""
        context = self._context(colour, width)
        if dashes != "-":
            context.set_dashes(0, [width * part for part in dashes[1]])
        self.renderer.draw_path(context, Shape(points), self.scale)
        context.restore()

    def lines(self, ends: Sequence[Sequence[tuple[float, float]]], colour: str, width: float) -> None:
        """Draw a line between each two ends, as one shape."""
        if ends:
            gap = (np.nan, np.nan)
            self.line(np.array([point for pair in ends for point in (*pair, gap)]), colour, width)

    def area(self, points: Any, colour: str, alpha: float | None = None) -> None:
        """Fill a shape of corners (n, 2)."""
        context = self._context(colour, alpha=alpha)
        corners = np.concatenate([points, points[:1]])  # a closed shape takes its last point for the way back
        self.renderer.draw_path(context, Shape(corners, closed=True), self.scale, _rgb(colour))
        context.restore()

    def marks(self, points: Any, marker: str, colour: str, size: float) -> None:
        """Draw a mark at each of the points (n, 2)."""
        if marker and len(points):
            shape, transform, filled = _mark(marker)
            context = self._context(colour, 0.0 if filled else 1.5)
            scaled = transform + Affine2D().scale(self.renderer.points_to_pixels(size))
            face = _rgb(colour) if filled else None
            self.renderer.draw_markers(context, shape, scaled, Shape(points), self.scale, face)
            context.restore()

    def text(
        self,
        x: float,
        y: float,
        words: str,
        colour: str = INK,
        size: float = 8.5,
        bold: bool = False,
        across: float = 0.0,
        vertical: str = "baseline",
        angle: float = 0.0,
    ) -> None:
        """Write words; ``across`` is the share of their width that lies left of x (0, 0.5 or 1)."""
        lines = printable(words, breaks=True).split("\n")
        font = _font(size, bold)
        for number, line in enumerate(lines):
            if not line:
                continue
            width = _width(line, size, bold) * self.dpi if across else 0.0
            drop = 0.4 * self.renderer.points_to_pixels(size) if vertical == "middle" else 0.0
            drop += self.renderer.points_to_pixels(1.2 * size) * number
            turn = np.deg2rad(angle)
            right, up = -across * width, -drop
            px = x * self.dpi + right * np.cos(turn) - up * np.sin(turn)
            py = y * self.dpi + right * np.sin(turn) + up * np.cos(turn)
            if self.renderer.flipy():
                py = self.renderer.get_canvas_width_height()[1] - py
            context = self._context(colour)
            context.set_clip_rectangle(None)
            self.renderer.draw_text(context, px, py, line, font, angle, ismath=False)
            context.restore()


def _rgb(colour: str) -> tuple[float, float, float]:
    found: tuple[float, float, float] = to_rgb(INK if colour == "currentColor" else colour)
    return found


@lru_cache(maxsize=64)
def _mark(marker: str) -> tuple[Any, Any, bool]:
    style = MarkerStyle(marker)
    return style.get_path(), style.get_transform(), style.is_filled()


@lru_cache(maxsize=16)
def _font(size: float, bold: bool) -> Any:
    return FontProperties(size=size, weight="bold" if bold else "normal")


@lru_cache(maxsize=4096)  # figures repeat each other's words
def _width(words: str, size: float, bold: bool) -> float:
    """Return the inches that words take."""
    points: float = text_to_path.get_text_width_height_descent(words, _font(size, bold), False)[0]
    return points / 72


def _column(rows: Sequence[Sequence[Panel]], place: int, size: tuple[float, float]) -> list[Panel]:
    """Return the panels of this size that stand in a column."""
    return [row[place] for row in rows if len(row) > place and row[place].size == size]


def _west(panel: Panel) -> float:
    """Return the inches that a panel's vertical axis and its words take."""
    longest = max((_width(shortened(text), 8, False) for _, text in ticks(panel.y, *panel.bounds[1])), default=0.0)
    return _MARGIN + longest + (0.22 if panel.y.label else 0.0)


def _south(panel: Panel, west: float) -> float:
    """Return the inches that a panel's horizontal axis and its words take."""
    slant = 0.6 * _LETTER * max(len(text) for _, text in _across(panel)) if _slanted(panel, west) else 0.0
    return 0.26 + slant + (0.18 if panel.x.label else 0.0)


def _across(panel: Panel) -> list[tuple[float, str]]:
    return [(value, shortened(text)) for value, text in ticks(panel.x, *panel.bounds[0])]


def _slanted(panel: Panel, west: float) -> bool:
    """Say whether the names along a panel's horizontal axis are too long to stand side by side."""
    texts = [text for _, text in _across(panel)]
    return bool(panel.x.names) and max(map(len, texts)) * _LETTER > (panel.size[0] - west - _MARGIN) / len(texts)


def _serves(under: Sequence[Panel], row: Sequence[Panel]) -> bool:
    """Say whether the words of the horizontal axes under a row serve it, too: each of its panels has the same."""

    def same(panel: Panel, lower: Panel) -> bool:
        alike = panel.x == lower.x and panel.size == lower.size and not panel.cells
        return alike and panel.bounds[0] == lower.bounds[0]

    return len(under) == len(row) and all(map(same, row, under))


def _draw_panel(pen: _Pen, panel: Panel, left: float, bottom: float, height: float, room: _Room) -> None:
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
        pen.text(frame[0] - 0.06, y, shortened(text), size=8, across=1, vertical="middle")
    slanted = _slanted(panel, room.west)
    places = [(float(across.of(value)), text) for value, text in _across(panel)]
    if room.shared:
        pen.lines([[(x, frame[1]), (x, frame[1] - 0.04)] for x, _ in places], INK, 0.7)
    for x, text in places if not room.shared else ():
        if slanted:
            pen.text(x + 0.03, frame[1] - 0.14, text, size=8, across=1, angle=35)
        else:
            pen.text(x, frame[1] - 0.17, text, size=8, across=0.5)
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
    for series in panel.series:
        pen.clip_to(frame[0] - 0.04, frame[1] - 0.04, frame[2] + 0.08, frame[3] + 0.08)
        _draw_series(pen, series, across, upwards, top, (frame[0], right), many=len(panel.series) > MANY)
        pen.clip = None


def _draw_series(
    pen: _Pen, series: Series, across: "_Scale", upwards: "_Scale", top: float, sides: tuple[float, float], many: bool
) -> None:
    look = series.line
    if series.kind == "level":
        y = upwards.of(series.y[0])
        pen.line(np.array([[sides[0], y], [sides[1], y]]), look.colour, series.width, look.dashes)
        return
    x, y = across.of(series.x), upwards.of(series.y)
    if len(series.low) and not many:
        low, high = upwards.of(series.low), upwards.of(series.high)
        there = np.isfinite(low) & np.isfinite(high)
        edge = np.concatenate([x[there], x[there][::-1]]), np.concatenate([low[there], high[there][::-1]])
        if there.any():
            pen.area(np.stack(edge, axis=1), look.colour, 0.15)
    points = np.stack([x, np.where(np.isfinite(y), y, np.nan)], axis=1)
    if series.kind == "line":
        pen.line(points, look.colour, series.width, look.dashes)
    if not many or series.kind == "marks" or len(points) == 1:
        pen.marks(points[np.isfinite(points).all(axis=1)], look.marker, look.colour, series.size)
    for place in x[np.isposinf(np.asarray(series.y, float))]:
        pen.text(place, top - 0.1, "∞", look.colour, across=0.5)


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
