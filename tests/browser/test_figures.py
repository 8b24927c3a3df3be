"""What is drawn as SVG, by a browser, against the same as PNG."""

import io

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from analysis.charts import Axis, Cell, Panel, Series
from analysis.panels import DPI, as_png, save
from analysis.pens import PdfPen, SvgPen
from analysis.style import BASELINE, Line


def in_browser(browser, svg, size):
    """The pixels of an SVG's file as a browser draws it at a PNG's resolution."""
    metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": DPI / 96, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(svg.as_uri())
    return Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB").crop((0, 0, *size))


def difference(a, b):
    """The largest difference of two pictures, 0 to 255, once what lies within a pixel or two is blurred away."""
    blurred = [ndimage.gaussian_filter(np.asarray(each).astype(float), (2.5, 2.5, 0)) for each in (a, b)]
    return np.abs(blurred[0] - blurred[1]).max()


def test_a_whole_figure_looks_alike(browser, tmp_path):
    axes = Axis("across"), Axis("upwards", names=["none", "some", "more", "all"])
    band = {"low": [0.5, 1, 1, 1.5], "high": [1.5, 2.5, 2, 3]}
    lines = [
        Series("dashed", Line("#0072B2", (0, (3, 3)), "s"), [1, 2, 3, 4], [1, 2, float("nan"), 2.5], **band, width=3.0),
        Series("infinite", Line("#D55E00", "-", "o"), [1, 2, 3, 4], [0.5, float("inf"), 1, 1.2], width=3.0),
        Series("bicubic", BASELINE, (), (0.2,), kind="level"),
    ]
    names = ["a long name", "another of these", "a third"]
    cells = [Cell(i, i % 2, "#5e3c99" if i else "#b2abd2", f"0.{i}", "#ffffff") for i in range(3)]
    panels = [
        Panel("a title", *axes, lines),
        Panel("a matrix", Axis("", names=names), Axis("", names="ab"), cells=cells),
    ]
    save(panels, tmp_path / "figure.svg", tmp_path / "figure.png")
    png = Image.open(tmp_path / "figure.png").convert("RGB")
    assert difference(in_browser(browser, tmp_path / "figure.svg", png.size), png) < 60


@pytest.mark.parametrize("marker", "osD^vPx")
def test_marks_that_overlap_inside_a_box_look_alike(browser, tmp_path, marker):
    for kind in (PdfPen, SvgPen):
        pen = kind(2.0, 1.0, "")
        with pen.clipped(0.3, 0.2, 1.2, 0.6):
            pen.marks([(0.3, 0.5), (0.9, 0.5), (0.95, 0.5), (1.4, 0.75)], marker, "#ff0000", 14.0)
        pen.text(1.9, 0.1, "at the end", across=1.0, angle=90.0)
        (tmp_path / f"{kind.__name__}").write_bytes(pen.file())
    (tmp_path / "SvgPen").rename(tmp_path / "drawn.svg")
    png = Image.open(io.BytesIO(as_png((tmp_path / "PdfPen").read_bytes()))).convert("RGB")
    assert difference(in_browser(browser, tmp_path / "drawn.svg", png.size), png) < 60
