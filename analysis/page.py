"""The parts of a page: sections of prose, tables, figures and pictures; and the files beside it."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from markupsafe import Markup

from analysis.aggregate import groups
from analysis.charts import Panel, as_json, legend_of, numbers
from analysis.panels import save
from analysis.spreadsheet import as_csv
from analysis.style import Line, digits, metric_head, number, with_interval
from analysis.svg import add, drawing, to_page
from srcnn.files import clear_place, write_text
from srcnn.metrics import about
from srcnn.paths import is_within

SHOWN_ROWS = 500  # of a table; its CSV holds all
LONG = 48  # letters of a cell that is broken into lines
_PLAIN = re.compile(r"[−-]?[\d,]+(\.\d*)?")


@dataclass(frozen=True)
class Column:
    """One column of a table: its head, and the column of the frame that it shows.

    A ``metric`` decides decimals and direction; ``interval`` adds ``low_<key>`` and ``high_<key>``
    to a signed difference; ``best_in`` marks the best value of each group of those columns.
    """

    head: str
    key: str
    metric: str | None = None
    signed: bool = False
    interval: bool = False
    best_in: tuple[str, ...] | None = None
    text: Callable[[Any], str] | None = None
    number: bool = False


class Cell(NamedTuple):
    """A cell of a table: its text, what it sorts by where that is no number, and its kinds."""

    text: str
    value: str
    kind: str


@dataclass(frozen=True)
class Table:
    """A table on the page and as CSV."""

    name: str
    title: str
    frame: pd.DataFrame
    columns: Sequence[Column]
    caption: str = ""
    kind: str = "table"

    @property
    def heads(self) -> list[dict[str, Any]]:
        """The head and alignment of each column."""
        return [{"text": column.head, "number": self._is_number(column)} for column in self.columns]

    @property
    def rows(self) -> list[list[Cell]]:
        """The cells, row by row."""
        best = {column.key: _best(self.frame, column) for column in self.columns if column.best_in is not None}
        numeric = {column.key for column in self.columns if self._is_number(column)}
        shown = self.frame.head(SHOWN_ROWS)
        return [
            [_cell(row, column, column.key in numeric, index in best.get(column.key, ())) for column in self.columns]
            for index, row in zip(shown.index, _records(shown), strict=True)
        ]

    @property
    def hidden(self) -> int:
        """The number of rows that are in the CSV only."""
        return max(0, len(self.frame) - SHOWN_ROWS)

    def _is_number(self, column: Column) -> bool:
        return (
            bool(column.metric) or column.number or np.issubdtype(np.asarray(self.frame[column.key]).dtype, np.number)
        )


@dataclass(frozen=True)
class Figure:
    """A figure: panels on the page, and as PNG, PDF and CSV."""

    name: str
    title: str
    panels: Sequence[Panel]
    caption: str = ""
    kind: str = "figure"

    @property
    def scales(self) -> list[str]:
        """The axes that may be logarithmic: those without names or counting in whole numbers."""
        axes = {"y": [panel.y for panel in self.panels], "x": [panel.x for panel in self.panels]}
        return [name for name, own in axes.items() if not any(axis.names or axis.whole for axis in own)]

    @property
    def numbers(self) -> str:
        """The panels as JSON."""
        return as_json(self.panels)

    @property
    def keys(self) -> list[dict[str, str | Markup]]:
        """The legend: a name and a small drawing of its line."""
        return legend_keys(legend_of(self.panels))


@dataclass(frozen=True)
class Shot:
    """One picture: PNG as a data URI, or inline SVG, its size in pixels, lines below it."""

    source: str | Markup
    width: int
    height: int
    lines: Sequence[str]
    alt: str

    @property
    def shown_width(self) -> int:
        """The width on the page, in which small pictures have larger pixels."""
        return self.width * (1 if self.svg or self.width > 170 else 2 if self.width > 80 else 3)

    @property
    def svg(self) -> bool:
        """True if the source is markup."""
        return hasattr(self.source, "__html__")


@dataclass(frozen=True)
class Shots:
    """Pictures side by side under one heading, with an optional table of their numbers.

    ``link`` leads to the same on the light table.
    """

    title: str
    shots: Sequence[Shot]
    caption: str = ""
    table: Table | None = None
    link: str = ""
    kind: str = "shots"


@dataclass(frozen=True)
class LightTable:
    """A light table; ``data`` is the JSON that it reads."""

    data: str
    kind: str = "light"


@dataclass(frozen=True)
class Wipe:
    """Two pictures of one scene in one frame, with a line between them that is moved."""

    title: str
    left: Shot
    right: Shot
    caption: str = ""
    kind: str = "wipe"


@dataclass(frozen=True)
class Prose:
    """A paragraph; ``tone`` sets it as an answer, a warning or a remark; ``code`` is a command to follow it."""

    text: str
    tone: str = ""
    code: str = ""
    kind: str = "prose"


@dataclass(frozen=True)
class Beside:
    """Blocks side by side where there is room."""

    blocks: Sequence[Any]
    kind: str = "beside"


@dataclass(frozen=True)
class Folded:
    """Blocks that are shown when their title is clicked."""

    title: str
    blocks: Sequence[Any]
    kind: str = "folded"


@dataclass(frozen=True)
class PageSection:
    """A part of the page."""

    id: str
    title: str
    blocks: Sequence[Any]
    intro: str = ""

    def all_blocks(self) -> Iterator[Any]:
        """Give the blocks, also those inside of others."""
        for block in self.blocks:
            yield block
            yield from getattr(block, "blocks", ())


def write_files(sections: Sequence[PageSection], folder: Path) -> None:
    """Write every table as CSV and every figure as PNG, PDF and CSV, and delete the files of an earlier page.

    Folders stay, and files outside of the report's folder to which a link leads.
    """
    written = set()
    for section in sections:
        for block in section.all_blocks():
            table = block if block.kind == "table" else getattr(block, "table", None)
            if table is not None:
                path = folder / "tables" / f"{table.name}.csv"
                write_text(path, as_csv(table.frame))
                written.add(path)
            if block.kind == "figure":
                files = [folder / "figures" / f"{block.name}{suffix}" for suffix in (".png", ".pdf")]
                for file in files:
                    clear_place(file)
                save(block.panels, *files)
                points = folder / "figures" / f"{block.name}.csv"
                write_text(points, as_csv(numbers(block.panels)))
                written |= {*files, points}
    for old in [*(folder / "tables").glob("*.csv"), *(folder / "figures").glob("*")]:
        ours = is_within(old, folder.parent) and not (old.is_dir() and not old.is_symlink())
        if ours and old not in written and not old.name.startswith("."):
            old.unlink(missing_ok=True)


def metric_columns(metrics: Sequence[str], best_in: tuple[str, ...] | None = None) -> list[Column]:
    """Return a column for each metric."""
    return [Column(metric_head(name), name, metric=name, best_in=best_in) for name in metrics]


def _cell(row: Mapping[str, Any], column: Column, is_number: bool, best: bool) -> Cell:
    text = _text(row, column)
    kinds = {"number": is_number, "best": best, "long": len(text) > LONG}
    value = "" if _PLAIN.fullmatch(text) else _sort_value(row[column.key])
    return Cell(text, value, " ".join(kind for kind, is_so in kinds.items() if is_so))


def _text(row: Mapping[str, Any], column: Column) -> str:
    value = row[column.key]
    if column.text:
        return column.text(value)
    if column.interval and column.metric:
        return with_interval(value, row[f"low_{column.key}"], row[f"high_{column.key}"], column.metric)
    if column.metric:
        return number(value, column.metric, column.signed)
    if value is None or value != value:
        return "–"
    return f"{value:,.0f}" if isinstance(value, float) and value == int(value) else str(value)


def _sort_value(value: Any) -> str:
    if isinstance(value, bool) or value is None or value != value:
        return ""
    return repr(float(value)) if isinstance(value, int | float) or hasattr(value, "dtype") else ""


def _best(frame: pd.DataFrame, column: Column) -> set[Any]:
    """Return the rows that hold the best value, as printed, of their group; none of a group whose values are equal."""
    if column.metric is None or not len(frame):
        return set()
    group, first = groups(frame, column.best_in or ())
    sign = 1.0 if about(column.metric).higher_is_better else -1.0
    values = sign * frame[column.key].to_numpy(float).round(digits(column.metric))
    best, worst = np.full(len(first), -np.inf), np.full(len(first), np.inf)
    np.fmax.at(best, group, values)
    np.fmin.at(worst, group, values)
    return set(frame.index[(values == best[group]) & (best > worst)[group]])


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


# The markers of a legend, and the elements that draw them.
_MARKERS: dict[str, tuple[str, dict[str, Any]]] = {
    "o": ("circle", {"cx": 13, "cy": 6, "r": 3.4}),
    "s": ("rect", {"x": 10, "y": 3, "width": 6, "height": 6}),
    "D": ("path", {"d": "M13 1.8 17.2 6 13 10.2 8.8 6Z"}),
    "^": ("path", {"d": "M13 2 17 9.5H9Z"}),
    "v": ("path", {"d": "M13 10 17 2.5H9Z"}),
    "P": ("path", {"d": "M11.5 2h3v2.5H17v3h-2.5V10h-3V7.5H9v-3h2.5Z"}),
    "x": ("path", {"d": "M10 3l6 6M16 3l-6 6", "stroke_width": 2}),
}


def legend_keys(legend: Mapping[str, Line]) -> list[dict[str, str | Markup]]:
    """Return the entries of a legend: a name and a small drawing of its line."""
    return [{"name": name, "svg": _sample(line)} for name, line in legend.items()]


def _sample(line: Line) -> Markup:
    root = drawing(26, 12, "")
    root.attrib |= {"width": "26", "height": "12", "fill": line.colour, "stroke": line.colour}
    dashes = "" if line.dashes == "-" else " ".join(str(1.5 * part) for part in line.dashes[1])
    add(root, "path", d="M0 6H26", stroke_width=2, stroke_dasharray=dashes)
    if line.marker in _MARKERS:
        tag, shape = _MARKERS[line.marker]
        add(root, tag, **shape)
    return to_page(root)
