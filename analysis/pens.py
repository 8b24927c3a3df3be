"""Pens, which draw lines, areas, marks and words on one sheet: as PDF by reportlab, or as SVG.

Colours are #rrggbb, or currentColor for ink. A letter that the font of a PDF lacks is a box, which cannot be searched.
"""

import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from analysis.drawing import (
    FILL_NON_ZERO,
    Canvas,
    HexColor,
    TTFont,
    getRegisteredFontNames,
    registerFont,
    stringWidth,
)
from analysis.svg import add, drawing
from srcnn.words import printable

INK = "#1d1d1f"
TEXT = 8.5  # points of ordinary text
POINTS = 72.0  # of an inch
# Corners about the place of a mark, in halves of its size; "o" is a disc, and "x" two lines.
_CORNERS = {
    "s": [(-1, -1), (1, -1), (1, 1), (-1, 1)],
    "D": [(0, -1.4), (1.4, 0), (0, 1.4), (-1.4, 0)],
    "^": [(-1, -1), (1, -1), (0, 1)],
    "v": [(-1, 1), (1, 1), (0, -1)],
    "P": [
        *[(-0.3, -1), (0.3, -1), (0.3, -0.3), (1, -0.3), (1, 0.3), (0.3, 0.3)],
        *[(0.3, 1), (-0.3, 1), (-0.3, 0.3), (-1, 0.3), (-1, -0.3), (-0.3, -0.3)],
    ],
}
_CROSS = [[(-1, -1), (1, 1)], [(-1, 1), (1, -1)]]

Places = NDArray[np.float64]  # (n, 2): x and y
Dashes = Any  # "-", or a shift and the lengths of dashes and gaps in widths of the line


class _Words(NamedTuple):
    """One line of text at a point, turned about it by an angle in degrees, then moved down and back.

    ``across`` is the share of its width by which it goes back.
    """

    text: str
    x: float
    y: float
    drop: float
    across: float
    angle: float
    colour: str
    size: float
    bold: bool


class Pen(ABC):
    """What draws on a sheet; places are in inches from the lower left, sizes and widths in points."""

    def line(self, places: Any, colour: str, width: float, dashes: Dashes = "-") -> None:
        """Draw a line through places (n, 2), broken where one is not finite."""
        points = np.asarray(places, float) * POINTS
        there = np.isfinite(points[:, 0]) & np.isfinite(points[:, 1])
        runs = [run[there[run]] for run in np.split(np.arange(len(points)), np.flatnonzero(~there))]
        self._stroke([points[run] for run in runs if len(run) > 1], colour, width, dashes)

    def lines(self, ends: Sequence[Sequence[tuple[float, float]]], colour: str, width: float) -> None:
        """Draw a line between each two ends."""
        self._stroke(list(np.array(ends, float) * POINTS), colour, width, "-")

    def area(self, corners: Any, colour: str, alpha: float = 1.0) -> None:
        """Fill a shape of corners (n, 2); an alpha of 1 hides what is under it."""
        self._fill([np.asarray(corners, float) * POINTS], colour, alpha)

    def marks(self, places: Any, marker: str, colour: str, size: float) -> None:
        """Draw a mark at each of the places (n, 2): one of "osD^vPx", or none."""
        points = np.asarray(places, float) * POINTS
        if marker == "o":
            self._discs(points, colour, size / 2)
        elif marker == "x":
            self._stroke([at + np.array(arm) * size / 2 for at in points for arm in _CROSS], colour, 1.5, "-")
        elif marker:
            self._fill([at + np.array(_CORNERS[marker]) * size / 2 for at in points], colour, 1.0)

    def text(
        self,
        x: float,
        y: float,
        words: str,
        colour: str = INK,
        size: float = TEXT,
        bold: bool = False,
        across: float = 0.0,
        vertical: str = "baseline",
        angle: float = 0.0,
    ) -> None:
        """Write words; ``across`` is the share of their width that lies left of x (0, 0.5 or 1)."""
        drop = 0.4 * size if vertical == "middle" else 0.0
        for line in printable(words, breaks=True).split("\n"):
            if line:
                self._write(_Words(line, x * POINTS, y * POINTS, drop, across, angle, colour, size, bold))
            drop += 1.2 * size

    @abstractmethod
    def clipped(self, left: float, bottom: float, width: float, height: float) -> Any:
        """Draw inside this box alone while the context that this gives is open."""

    @abstractmethod
    def file(self) -> bytes:
        """Return the sheet as a file, the same for the same drawing."""

    @abstractmethod
    def _stroke(self, runs: Sequence[Places], colour: str, width: float, dashes: Dashes) -> None:
        """Draw lines through the points of each run."""

    @abstractmethod
    def _fill(self, shapes: Sequence[Places], colour: str, alpha: float) -> None:
        """Fill shapes of such corners, in points."""

    @abstractmethod
    def _discs(self, points: Places, colour: str, radius: float) -> None:
        """Fill a disc about each point."""

    @abstractmethod
    def _write(self, line: _Words) -> None:
        """Write one line of text."""


class PdfPen(Pen):
    """Draws a PDF of one page."""

    def __init__(self, width: float, height: float, title: str) -> None:
        self._bytes = BytesIO()
        self._canvas = Canvas(self._bytes, (width * POINTS, height * POINTS), initialFontName=_font(bold=False))
        self._canvas.setTitle(printable(title))
        for say_nothing in (self._canvas.setAuthor, self._canvas.setCreator, self._canvas.setSubject):
            say_nothing("")
        self._canvas.setLineJoin(1)

    @contextmanager
    def clipped(self, left: float, bottom: float, width: float, height: float) -> Iterator[None]:
        """Draw inside this box alone while the context is open."""
        self._canvas.saveState()
        box = self._canvas.beginPath()
        box.rect(*(side * POINTS for side in (left, bottom, width, height)))
        self._canvas.clipPath(box, stroke=0, fill=0)
        yield
        self._canvas.restoreState()

    def file(self) -> bytes:
        """Return the page as PDF, with a date that is always the same."""
        self._canvas.save()
        return self._bytes.getvalue()

    def _stroke(self, runs: Sequence[Places], colour: str, width: float, dashes: Dashes) -> None:
        self._canvas.setStrokeColor(_ink(colour))
        self._canvas.setLineWidth(width)
        self._canvas.setDash([] if dashes == "-" else [width * part for part in dashes[1]])
        self._canvas.drawPath(self._path(runs), stroke=1, fill=0)

    def _fill(self, shapes: Sequence[Places], colour: str, alpha: float) -> None:
        self._canvas.setFillColor(_ink(colour), alpha)
        self._canvas.drawPath(self._path(shapes), stroke=0, fill=1, fillMode=FILL_NON_ZERO)

    def _path(self, runs: Sequence[Places]) -> Any:
        path = self._canvas.beginPath()
        for run in runs:
            first, *others = run.tolist()
            path.moveTo(*first)
            for point in others:
                path.lineTo(*point)
        return path

    def _discs(self, points: Places, colour: str, radius: float) -> None:
        self._canvas.saveState()
        self._canvas.setLineCap(1)  # the round end of a line that goes nowhere
        self._stroke([np.array([point, point]) for point in points], colour, 2 * radius, "-")
        self._canvas.restoreState()

    def _write(self, line: _Words) -> None:
        words = _in_order_of_drawing(line.text)
        back = line.across * stringWidth(words, _font(line.bold), line.size)
        self._canvas.setFillColor(_ink(line.colour), 1.0)
        self._canvas.setFont(_font(line.bold), line.size)
        if line.angle:
            self._canvas.saveState()
            self._canvas.translate(line.x, line.y)
            self._canvas.rotate(line.angle)
            self._canvas.drawString(-back, -line.drop, words)
            self._canvas.restoreState()
        else:
            self._canvas.drawString(line.x - back, line.y - line.drop, words)


class SvgPen(Pen):
    """Draws an SVG, whose words stay words."""

    def __init__(self, width: float, height: float, title: str) -> None:
        self._height = height * POINTS
        self._root = self._group = drawing(width * POINTS, self._height, title)
        self._root.attrib |= {"width": f"{width:g}in", "height": f"{height:g}in", "font-family": "DejaVu Sans, Verdana"}
        self._boxes = 0

    @contextmanager
    def clipped(self, left: float, bottom: float, width: float, height: float) -> Iterator[None]:
        """Draw inside this box alone while the context is open."""
        self._boxes += 1
        name = f"box{self._boxes}"
        x, y, wide, high = (side * POINTS for side in (left, bottom, width, height))
        clip = add(self._root, "clipPath", id=name)
        add(clip, "rect", x=f"{x:g}", y=f"{self._height - y - high:g}", width=f"{wide:g}", height=f"{high:g}")
        outside, self._group = self._group, add(self._root, "g", clip_path=f"url(#{name})")
        yield
        self._group = outside

    def file(self) -> bytes:
        """Return the sheet as SVG."""
        return ElementTree.tostring(self._root, "utf-8", xml_declaration=True)

    def _stroke(self, runs: Sequence[Places], colour: str, width: float, dashes: Dashes) -> None:
        look = {"stroke": _hex(colour), "stroke_width": f"{width:g}", "stroke_linejoin": "round", "fill": "none"}
        if dashes != "-":
            look["stroke_dasharray"] = " ".join(f"{width * part:g}" for part in dashes[1])
        add(self._group, "path", d=self._path(runs), **look)

    def _fill(self, shapes: Sequence[Places], colour: str, alpha: float) -> None:
        add(self._group, "path", d=self._path(shapes), fill=_hex(colour), fill_opacity=alpha)

    def _path(self, runs: Sequence[Places]) -> str:
        return "".join("M" + "L".join(f"{x:.2f} {self._height - y:.2f}" for x, y in run.tolist()) for run in runs)

    def _discs(self, points: Places, colour: str, radius: float) -> None:
        for x, y in points.tolist():
            add(self._group, "circle", cx=f"{x:.2f}", cy=f"{self._height - y:.2f}", r=radius, fill=_hex(colour))

    def _write(self, line: _Words) -> None:
        turned = f" rotate({-line.angle:g})" if line.angle else ""
        look: dict[str, Any] = {"transform": f"translate({line.x:.2f} {self._height - line.y:.2f}){turned}"}
        look |= {"font_size": line.size, "fill": _hex(line.colour)}
        look |= {"font_weight": "bold"} if line.bold else {}
        look |= {"y": f"{line.drop:g}"} if line.drop else {}
        look |= {"text_anchor": "middle" if line.across == 0.5 else "end"} if line.across else {}
        add(self._group, "text", line.text, **look)


def width_of(words: str, size: float, bold: bool = False) -> float:
    """Return the inches that words of a size in points take."""
    points: float = stringWidth(_in_order_of_drawing(words), _font(bold), size)
    return points / POINTS


def _hex(colour: str) -> str:
    return INK if colour == "currentColor" else colour


@lru_cache(maxsize=256)
def _ink(colour: str) -> Any:
    return HexColor(_hex(colour))


@lru_cache(maxsize=1024)
def _in_order_of_drawing(words: str) -> str:
    """Return words letter by letter from left to right, in the forms that the letters have beside each other."""
    words = unicodedata.normalize("NFC", words)
    if not any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in words):
        return words
    from arabic_reshaper import reshape  # takes as long as a figure, for names that few have
    from bidi import get_display

    return str(get_display(reshape(words)))


def _font(bold: bool) -> str:
    """Return the name under which reportlab knows our font, one of those that matplotlib brings."""
    name = "DejaVuSans-Bold" if bold else "DejaVuSans"
    if name in getRegisteredFontNames():
        return name
    package = find_spec("matplotlib")  # which need not be imported
    if package is None or package.origin is None:
        raise ImportError("matplotlib, which brings the font of figures, is not installed")
    file = Path(package.origin).parent / "mpl-data" / "fonts" / "ttf" / f"{name}.ttf"
    registerFont(TTFont(name, file))
    return name
