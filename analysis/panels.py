"""A figure is a row of small panels: inline SVG that wraps on a phone, one PNG and PDF beside the page."""

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from srcnn.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#1d1d1f"  # stands for the page's text colour and is replaced by it in SVG
SIZE = (3.5, 2.5)  # inches of one panel
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "srcnn",
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.labelsize": 8.5,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#8e8e93",
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "axes.linewidth": 0.7,
    "lines.linewidth": 1.5,
    "lines.markersize": 4,
    "axes.formatter.useoffset": False,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
}


@dataclass(frozen=True)
class Panel:
    """One pair of axes: what draws it, and its size in inches."""

    draw: "Callable[[Axes], None]"
    size: tuple[float, float] = SIZE
    alt: str = ""


def to_svg(panel: Panel) -> str:
    """The panel as SVG that stands inside a page and takes its text colour."""
    import matplotlib
    from matplotlib.figure import Figure

    buffer = io.StringIO()
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=panel.size)
        axis = figure.subplots()
        panel.draw(axis)
        _fit(figure)
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return _for_page(buffer.getvalue(), panel.alt)


def _fit(figure: "Figure") -> None:
    # tight_layout draws once; constrained layout, which is finer, three times as long.
    figure.tight_layout(pad=0.4)


def _for_page(svg: str, alt: str) -> str:
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    # Matplotlib numbers its groups from 1 in every figure: an id may be used once in a page.
    svg = re.sub(r' id="[a-z0-9]+_\d+"', "", svg)
    svg = re.sub(r"font: ([\d.]+px|bold [\d.]+px|[^;\"]*?px) [^;\"]*", r"font: \1 var(--figure-font, sans-serif)", svg)
    svg = re.sub(r"\s*\n\s*", "\n", svg)
    width, height = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg).groups()  # type: ignore[union-attr]
    head = f'<svg role="img" aria-label="{alt}" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" '
    head += 'xmlns:xlink="http://www.w3.org/1999/xlink">'
    return re.sub(r"<svg[^>]*>", head, svg, count=1)


def write_grid(panels: Sequence[Panel], stem: Path, columns: int = 3) -> list[Path]:
    """All panels in one picture, as ``stem``.png and ``stem``.pdf; their paths."""
    import matplotlib
    from matplotlib.figure import Figure

    columns = min(columns, len(panels))
    rows = [panels[i : i + columns] for i in range(0, len(panels), columns)]
    heights = [max(panel.size[1] for panel in row) for row in rows]
    width = max(panel.size[0] for panel in panels)
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width * columns, sum(heights)))
        grid = figure.add_gridspec(len(rows), columns, height_ratios=heights)
        for i, row in enumerate(rows):
            for j, panel in enumerate(row):
                panel.draw(figure.add_subplot(grid[i, j]))
        _fit(figure)
        written = []
        for suffix, options in ((".png", {"dpi": 130}), (".pdf", {"metadata": {"CreationDate": None}})):
            with atomic_path(stem.with_suffix(suffix)) as temporary:
                figure.savefig(temporary, **options)  # type: ignore[arg-type]
            written.append(stem.with_suffix(suffix))
    return written


def save(panels: Sequence[Panel], target: Path) -> None:
    """All panels in one picture, in the format of the target's suffix (.svg, .png, .pdf)."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        columns = min(3, len(panels))
        rows = -(-len(panels) // columns)
        figure = Figure(figsize=(panels[0].size[0] * columns, panels[0].size[1] * rows))
        for axis, panel in zip(figure.subplots(rows, columns, squeeze=False).flat, panels, strict=False):
            panel.draw(axis)
        for axis in list(figure.axes)[len(panels) :]:
            axis.set_visible(False)
        _fit(figure)
        with atomic_path(target) as temporary:
            figure.savefig(temporary, dpi=150)
