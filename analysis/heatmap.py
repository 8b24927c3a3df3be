"""A metric over the patch grid, laid on the picture."""

from collections.abc import Iterable

import numpy as np
from markupsafe import Markup

from analysis.pictures import Backdrop
from analysis.style import metric_head, number
from analysis.svg import add, drawing, to_page
from srcnn.metrics import about
from srcnn.patches import Box

# A few steps of viridis (Smith & van der Walt), which colour-blind readers see as dark to light.
_SCALE = np.array([[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]], float)
# Readable on any picture.
_LETTERS = {
    "text_anchor": "middle",
    "dominant_baseline": "central",
    "fill": "#fff",
    "stroke": "#000",
    "stroke_width": 3,
    "paint_order": "stroke",
    "stroke_linejoin": "round",
}


def heatmap(backdrop: Backdrop, cells: Iterable[tuple[Box, float]], metric: str, alt: str) -> Markup:
    """Return SVG of the picture with each patch tinted by its value and the value in it, as large as the backdrop.

    Light is better, whatever the metric's direction; infinite values have the colour of the best.
    """
    source, width, height, factor = backdrop
    cells = list(cells)
    finite = [value for _, value in cells if np.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    root = drawing(width, height, alt)
    add(root, "image", href=source, width=width, height=height)
    for box, value in cells:
        x, y, w, h = (round(side * factor, 1) for side in box)
        share = _share(value, low, high, about(metric).higher_is_better)
        fill, opacity = ("#888", 0.2) if share is None else (_colour(share), 0.55)
        add(root, "rect", x=x, y=y, width=w, height=h, fill=fill, fill_opacity=opacity, stroke="#fff")
        size = min(15.0, max(7.0, h / 4), w / 4.2)
        place = {"x": f"{x + w / 2:.1f}", "y": f"{y + h / 2:.1f}", "font_size": f"{size:.1f}"}
        add(root, "text", number(value, metric), **place, **_LETTERS)
    return to_page(root)


def scale_note(metric: str) -> str:
    """Return what the colours of a heat map mean."""
    return f"{metric_head(metric)}, light is better"


def _share(value: float, low: float, high: float, higher_is_better: bool) -> float | None:
    if value is None or np.isnan(value):
        return None
    if np.isinf(value):
        return 1.0 if (value > 0) == higher_is_better else 0.0
    share = 0.5 if high == low else (value - low) / (high - low)
    return share if higher_is_better else 1 - share


def _colour(share: float) -> str:
    at = share * (len(_SCALE) - 1)
    i = min(int(at), len(_SCALE) - 2)
    colour = _SCALE[i] + (at - i) * (_SCALE[i + 1] - _SCALE[i])
    return "#" + "".join(f"{round(band):02x}" for band in colour)
