"""What a pen draws in a PDF, looked at in its pixels."""

import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import REPOSITORY
from PIL import Image
from scipy import ndimage

from analysis.charts import Axis, Panel, Series
from analysis.panels import DPI, as_png, save
from analysis.pens import PdfPen, width_of
from analysis.style import DASHES, MARKERS, Line

RED = "#ff0000"


def drawn(draw, tmp_path) -> np.ndarray:
    """What is drawn on a sheet of 2 by 1 inches, as how red each pixel is: 0 to 255, a row for each line of pixels."""
    pen = PdfPen(2.0, 1.0, "")
    draw(pen)
    (tmp_path / "sheet.png").write_bytes(as_png(pen.file()))
    pixels = np.asarray(Image.open(tmp_path / "sheet.png").convert("RGB")).astype(int)
    return pixels[..., 0] - pixels[..., 1:].max(axis=2)


def at(x: float, y: float) -> tuple[int, int]:
    """The pixel of a place in inches from the lower left."""
    return int((1 - y) * DPI), int(x * DPI)


@pytest.mark.parametrize("marker", [*MARKERS, "x"])
def test_marks_that_lie_on_each_other_do_not_cancel_out(marker, tmp_path):
    red = drawn(lambda pen: pen.marks([(1, 0.5)] * 2 + [(1.02, 0.5)], marker, RED, 20.0), tmp_path)
    once = drawn(lambda pen: pen.marks([(1, 0.5)], marker, RED, 20.0), tmp_path)
    inside = ndimage.binary_erosion(once > 200, iterations=1)  # its edge falls on other parts of pixels
    assert inside.sum() > 50
    assert (red[inside] > 200).all()


def test_a_line_is_broken_where_a_place_is_not_finite(tmp_path):
    places = [(0.2, 0.5), (0.6, 0.5), (np.nan, 0.5), (1.0, 0.5), (1.2, np.inf), (1.4, 0.5), (1.8, 0.5)]
    red = drawn(lambda pen: pen.line(places, RED, 4.0), tmp_path)
    shown = {x: red[at(x, 0.5)] > 128 for x in (0.3, 0.5, 0.8, 1.1, 1.3, 1.5, 1.7)}
    assert [x for x, there in shown.items() if there] == [0.3, 0.5, 1.5, 1.7]


@pytest.mark.parametrize(("dashes", "parts"), [(DASHES[0], 1), (DASHES[1], 8)])
def test_a_dashed_line_has_gaps_of_its_width(dashes, parts, tmp_path):
    red = drawn(lambda pen: pen.line([(0.2, 0.5), (1.8, 0.5)], RED, 2.5, dashes), tmp_path)
    along = red[at(1, 0.5)[0]] > 128
    assert np.diff(along.astype(int)).clip(0).sum() == parts


def test_an_area_of_alpha_shows_what_is_under_it_and_what_comes_next_is_not_pale(tmp_path):
    def draw(pen):
        pen.area([(0.2, 0.2), (1.0, 0.2), (1.0, 0.8), (0.2, 0.8)], RED, 0.2)
        pen.area([(1.0, 0.2), (1.8, 0.2), (1.8, 0.8), (1.0, 0.8)], RED)

    red = drawn(draw, tmp_path)
    assert abs(red[at(0.6, 0.5)] - 51) <= 1
    assert red[at(1.4, 0.5)] == 255
    assert red[at(0.6, 0.9)] == 0


def test_nothing_is_drawn_outside_of_a_box_while_it_is_open(tmp_path):
    def draw(pen):
        with pen.clipped(0.5, 0.2, 0.5, 0.6):
            pen.line([(0.1, 0.5), (1.9, 0.5)], RED, 4.0)
        pen.line([(0.1, 0.1), (1.9, 0.1)], RED, 4.0)

    red = drawn(draw, tmp_path)
    assert [bool(red[at(x, 0.5)]) for x in (0.4, 0.6, 0.9, 1.1)] == [False, True, True, False]
    assert red[at(1.5, 0.1)] == 255


@pytest.mark.parametrize(("across", "angle"), [(0.0, 0.0), (0.5, 0.0), (1.0, 0.0), (0.5, 90.0)])
def test_words_stand_where_they_are_to(across, angle, tmp_path):
    words = "MMMMMM"
    red = drawn(lambda pen: pen.text(1, 0.5, words, RED, 8.0, across=across, angle=angle), tmp_path)
    rows, columns = np.nonzero(red > 60)
    wide, start = width_of(words, 8.0), (0.5 if angle else 1.0) - across * width_of(words, 8.0)
    along = (DPI - rows if angle else columns) / DPI
    assert along.min() == pytest.approx(start, abs=0.03)
    assert along.max() == pytest.approx(start + wide, abs=0.03)


@pytest.mark.parametrize(("words", "first"), [("שלום", "ש"), ("réseau שלום", "ש"), ("سلام", "\ufeb3")])
def test_right_to_left_words_are_drawn_so_that_their_readers_can_read_them(words, first, tmp_path):
    """``first`` is what stands at the right end: the first of the letters that go so, as it is joined to the next."""

    def right_end(text):
        red = drawn(lambda pen: pen.text(1.8, 0.5, text, RED, 16.0, across=1.0), tmp_path)
        return red[:, int((1.8 - width_of(first, 16.0) + 0.03) * DPI) :] > 100

    alone, last = right_end(first), right_end(words)
    assert alone.sum() > 30
    assert (ndimage.binary_dilation(alone) >= last).all()
    assert (ndimage.binary_dilation(last) >= alone).all()


def test_an_accent_stands_on_its_letter_however_its_file_system_writes_it(tmp_path):
    one, two = (drawn(lambda pen, w=w: pen.text(0.2, 0.5, w, RED, 16.0), tmp_path) for w in ("A\u030a", "\u00c5"))
    assert (one == two).all()


FIGURE = """
import sys
from pathlib import Path
from analysis.charts import Axis, Panel, Series
from analysis.panels import save
from analysis.style import Line
line = Series("a", Line("#0072B2"), [1, 2, 3], [1.0, float("inf"), 2.0], [0.5, 1, 1], [2, 2, 3])
save([Panel("title", Axis("x"), Axis("y"), [line])], *map(Path, sys.argv[1:]))
"""


def test_the_same_figure_is_the_same_file_in_another_process(tmp_path):
    for number, seed in enumerate(("1", "2")):
        files = [tmp_path / f"{number}{suffix}" for suffix in (".pdf", ".svg", ".png")]
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", FIGURE, *files], env=environment, check=True)
    for suffix in (".pdf", ".svg", ".png"):
        assert (tmp_path / f"0{suffix}").read_bytes() == (tmp_path / f"1{suffix}").read_bytes()


def test_a_pdf_brings_every_font_that_it_names(tmp_path):
    save([Panel("title", Axis("x"), Axis("y"))], tmp_path / "figure.pdf")
    assert b"Helvetica" not in (tmp_path / "figure.pdf").read_bytes()


def test_an_infinite_value_is_marked_at_the_edge_and_one_without_a_place_is_not(tmp_path):
    line = Line("#ff0000")
    axes = Axis("x", log=True), Axis("y")
    for x, count in (([1.0, 2.0, 4.0], 1), ([1.0, 0.0, 4.0], 0)):
        save([Panel("", *axes, [Series("a", line, x, [1.0, np.inf, 2.0])])], tmp_path / "figure.svg")
        assert (tmp_path / "figure.svg").read_text().count("∞") == count
