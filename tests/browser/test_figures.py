"""Figures as SVG, drawn by a browser, against the same figures as PNG."""

import io

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from analysis.charts import Axis, Panel, Series
from analysis.panels import DPI, save
from analysis.style import Line


def middles(picture: Image.Image) -> list[tuple[float, float]]:
    """The middle (y, x) of each red mark of a picture at the resolution of a PNG."""
    red, green, blue = np.moveaxis(np.asarray(picture.convert("RGB")).astype(int), 2, 0)
    found, count = ndimage.label(red - np.maximum(green, blue) > 64)
    return sorted(ndimage.center_of_mass(found > 0, found, range(1, count + 1)))


@pytest.mark.parametrize("marker", "osD^vPx")
def test_an_svg_has_its_marks_and_words_where_the_png_has_them(browser, tmp_path, marker):
    points = Series("", Line("#ff0000", "-", marker), [1.0, 2.0, 4.0], [1.0, 3.0, 2.0], kind="marks", size=9.0)
    panel = Panel("a title", Axis("across"), Axis("upwards", names=["none", "some", "more", "all"]), [points])
    save([panel], tmp_path / "figure.svg", tmp_path / "figure.png")
    png = Image.open(tmp_path / "figure.png")
    size = {"width": 400, "height": 400, "deviceScaleFactor": DPI / 96, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get((tmp_path / "figure.svg").as_uri())
    drawn = Image.open(io.BytesIO(browser.get_screenshot_as_png())).crop((0, 0, *png.size))
    assert len(middles(png)) == 4  # one is the legend's
    assert np.allclose(middles(drawn), middles(png), atol=1.0)
    ink = [ndimage.binary_dilation(np.asarray(p.convert("L")) < 128, iterations=4) for p in (drawn, png)]
    assert (ink[0] & ink[1]).sum() > 0.9 * (ink[0] | ink[1]).sum()
