"""Figures as rows of small panels: inline SVG that wraps on a phone, one PNG and PDF beside the page."""

import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from analysis.drawing import Axes, Figure, Text, matplotlib, ticker
from analysis.svg import from_matplotlib
from srcnn.files import atomic_path
from srcnn.words import printable

INK = "#1d1d1f"  # stands for the page's text colour and is replaced by it in SVG
SIZE = (3.5, 2.5)  # inches of one panel
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a $ in a name is a $
    "svg.hashsalt": "srcnn",
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.labelsize": 8.5,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#8e8e93",
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "axes.linewidth": 0.7,
    "lines.linewidth": 1.5,
    "lines.markersize": 4,
    "axes.formatter.useoffset": False,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
}
_OPTIONS: dict[str, dict[str, Any]] = {
    ".pdf": {"metadata": {"CreationDate": None}},
    ".png": {"dpi": 110, "pil_kwargs": {"compress_level": 4}},  # a little larger than the smallest, in half the time
}


@dataclass(frozen=True)
class Panel:
    """One pair of axes: the function that draws it, its size and margins (left, right, bottom, top) in inches.

    Margins are given because finding them means drawing everything once more.
    """

    draw: Callable[[Axes], None]
    size: tuple[float, float] = SIZE
    alt: str = ""
    margins: tuple[float, float, float, float] = (0.75, 0.1, 0.42, 0.24)


def to_svg(panel: Panel) -> Markup:
    """Return the panel as SVG that stands inside a page and takes its text colour."""
    buffer = io.StringIO()
    with _style():
        figure = _figure([panel], 1)
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return from_matplotlib(buffer.getvalue(), panel.alt, INK)


def save(panels: Sequence[Panel], *targets: Path) -> None:
    """Write all panels as one picture, in the format of each target's suffix (.svg, .png, .pdf)."""
    with _style():
        figure = _figure(panels, 2 if len(panels) in (2, 4) else 3)
        for target in targets:
            options = _OPTIONS.get(target.suffix, {})
            with atomic_path(target) as temporary:
                figure.savefig(temporary, **options)


@contextmanager
def _style() -> Iterator[None]:
    """Set our own look and the library's defaults, whatever the user's matplotlibrc says (usetex needs a TeX)."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # a letter that its font lacks is a box
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


def _figure(panels: Sequence[Panel], columns: int) -> Figure:
    """Return a figure of the panels in rows of ``columns``, each at its own size."""
    rows = [panels[i : i + columns] for i in range(0, len(panels), columns)]
    heights = [max(panel.size[1] for panel in row) for row in rows]
    width, height = max(sum(panel.size[0] for panel in row) for row in rows), sum(heights)
    figure = Figure(figsize=(width, height))
    top = height
    for row, row_height in zip(rows, heights, strict=True):
        left = 0.0
        for panel in row:
            (w, h), (west, east, south, north) = panel.size, panel.margins
            at = (left + west, top - h + south, w - west - east, h - south - north)
            axis = figure.add_axes((at[0] / width, at[1] / height, at[2] / width, at[3] / height))
            panel.draw(axis)
            _few_ticks(axis)
            _printable_texts(axis)
            left += w
        top -= row_height
    return figure


def _few_ticks(axis: Axes) -> None:
    """Set no more ticks than a small panel has room for; each costs time, too."""
    for side in (axis.xaxis, axis.yaxis):
        if isinstance(side.get_major_locator(), ticker.AutoLocator):
            side.set_major_locator(ticker.MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))


def _printable_texts(axis: Axes) -> None:
    """Make the texts of a figure printable: names from outside hold letters that fonts cannot draw."""
    for text in axis.findobj(Text):
        text.set_text(printable(text.get_text(), breaks=True))
    for side in (axis.xaxis, axis.yaxis):
        labels = side.get_major_formatter()
        if isinstance(labels, ticker.FixedFormatter | ticker.FuncFormatter):
            side.set_major_formatter(_printable_labels(labels))


def _printable_labels(labels: ticker.Formatter) -> ticker.FuncFormatter:
    return ticker.FuncFormatter(lambda value, place: printable(labels(value, place), breaks=True))
