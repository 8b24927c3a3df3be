"""What is drawn and tabled names pictures, runs and settings as they are called, and nothing obeys the names."""

import csv
import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from conftest import REPOSITORY
from pypdfium2 import PdfDocument

from analysis.charts import Axis, Panel, Series, as_json
from analysis.heatmap import heatmap
from analysis.panels import save
from analysis.pictures import backdrop
from analysis.plots import evaluation_plot, image_plot, line_plot, upsampling_plot
from analysis.spreadsheet import as_csv
from analysis.style import run_styles, upsampler_styles
from srcnn.patches import Box
from srcnn.words import printable

RUNS = "document.title='it ran'"
NAMES = (
    f'<img src=x onload="{RUNS}" onerror="{RUNS}">',
    f"'\"><svg onload={RUNS}>",
    "back\\slash \\1 \\g<0>",
    "$x_1^{$",
    "{{ 7*7 }} {% raw %} {# %s {0}",
    "new\nline",
    "=1+1",
    "]]> --> &amp; &#60;",
    "\u202egpj.exe \x1b[31mred \x85",
    "Ψυχή 画像 🖼",
)
LABELS = (*NAMES, f"</script><script>{RUNS}</script>", "half a letter \ud800", "bell \x07", "@SUM(A1)")


def panels_of(name: str) -> list[Panel]:
    """Panels that name a run, a picture, a metric and themselves so."""
    lines = pd.DataFrame({"variant": [name] * 2, "epoch": [1, 2], "mean": [1.0, 2.0], "low": 0.5, "high": 2.5})
    means = pd.DataFrame({"run": [name] * 2, "epoch": [1, 2], "image": [name, "b"], "psnr": [1e-7, 2e-7]})
    crops = pd.DataFrame({"upsampler": ["bicubic"] * 2, "psnr": [1.0, np.inf]})
    styles = run_styles([name], ["bicubic"])
    return [
        evaluation_plot(lines, lines[:1], name, "psnr", styles),
        image_plot(pd.DataFrame({"bicubic": [1.0], name: [2.0]}, index=[name]), name, "psnr", styles),
        line_plot(means, "epoch", "psnr", styles, "run", name),
        line_plot(means, "image", "psnr", styles, "run", name),
        upsampling_plot(crops, name, "psnr", upsampler_styles(["bicubic"])),
    ]


def well_formed(name: str) -> None:
    """Raise AssertionError if a picture that has this name is no plain one, or a figure's numbers hold odd letters."""
    svg = str(heatmap(backdrop(np.zeros((9, 9, 3), np.uint8)), [(Box(0, 0, 9, 9), 1.0)], "psnr", name))
    root = ElementTree.fromstring(svg.encode())
    assert {element.tag.partition("}")[0] for element in root.iter()} == {"{http://www.w3.org/2000/svg"}
    assert not {key for element in root.iter() for key in element.attrib if key == "style" or key.startswith("on")}
    told = as_json(panels_of(name))
    json.loads(told)
    assert told.encode().decode().isprintable()


@pytest.mark.parametrize("name", [NAMES[0], NAMES[3], LABELS[-2]])
def test_a_figure_is_well_formed_whatever_it_names(name, tmp_path):
    well_formed(name)
    save(panels_of(name)[:1], tmp_path / "a.svg")
    ElementTree.parse(tmp_path / "a.svg")


@pytest.mark.parametrize("name", [NAMES[0], NAMES[3], NAMES[5], "Ψυχή → ∞"])
def test_the_words_of_a_pdf_can_be_searched_and_are_those_of_the_svg(name, tmp_path):
    panels = panels_of(name)[:1]
    save(panels, tmp_path / "a.pdf")
    with PdfDocument(tmp_path / "a.pdf") as document:
        found = document[0].get_textpage().get_text_range()
        title = document.get_metadata_value("Title")
    written = words_of(panels, tmp_path / "a.svg")
    assert Counter(re.sub(r"\s", "", found)) == Counter(re.sub(r"\s", "", "".join(written)))
    assert title == printable(panels[0].title)


def test_text_that_a_spreadsheet_would_compute_is_text():
    odd = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\tx", "\r=1", "＝1", "-5", "+1.5e3", "−3", "plain", None]
    frame = pd.DataFrame({"=head": pd.Series(odd, dtype="category"), "n": np.arange(12) - 5.5, "same": odd})
    frame.columns = ["=head", "n", "=head"]
    head, *rows = csv.reader(as_csv(frame).splitlines())
    assert head == ["'=head", "n", "'=head"]
    cells = [each[0] for each in rows]
    assert cells == ["'=1+1", "'+cmd|' /C calc'!A0", "'-2+3", "'@SUM(A1)", "'\tx", "\\r=1", "'＝1", *odd[7:11], ""]
    assert [each[2] for each in rows] == cells
    assert [float(each[1]) for each in rows] == [number - 5.5 for number in range(12)]


def test_markup_is_made_by_the_template_and_by_xml_alone():
    texts = {
        file: file.read_text() for file in (REPOSITORY / "analysis").rglob("*.*") if file.suffix in (".py", ".html")
    }
    assert [file.name for file, text in texts.items() if re.search(r"\|\s*safe\b|f['\"]\s*<\w", text)] == []
    assert sorted(file.name for file, text in texts.items() if "Markup(" in text) == ["build.py", "svg.py"]


def words_of(panels: list[Panel], file: Path) -> list[str]:
    """All words that stand in a picture of the panels."""
    save(panels, file)
    return ["".join(element.itertext()).strip() for element in ElementTree.parse(file).iter() if "text" in element.tag]


def test_the_legend_has_the_order_of_the_study_and_stands_in_columns(tmp_path):
    names = [f"run {n}{'0' * (n % 3)}" for n in range(30)]
    rows = [(name, epoch, 1.0, 0.5, 1.5) for name in names for epoch in range(5)]
    lines = pd.DataFrame(rows, columns=["variant", "epoch", "mean", "low", "high"])
    panel = evaluation_plot(lines, lines[:0].rename(columns={"low": "x"}), "set", "psnr", run_styles(names, []))
    assert [series.name for series in panel.series] == names
    save([panel], tmp_path / "a.svg")
    places = re.findall(r'translate\(([\d.]+) [\d.]+\)"[^>]*>run ', (tmp_path / "a.svg").read_text())
    assert len(places) == 30
    assert len(set(places)) < 8


def test_panels_in_a_column_have_the_words_of_one_horizontal_axis_if_all_have_the_same(tmp_path):
    line = run_styles(["run"], [])["run"]
    panels = [
        Panel(f"panel {n}", Axis("epoch"), Axis("dB"), [Series("run", line, (1, 2), (n, n + 1.0))]) for n in range(6)
    ]
    assert words_of(panels, tmp_path / "a.svg").count("epoch") == 3
    changed = {
        "an axis": [*panels[:5], replace(panels[5], x=Axis("seconds"))],
        "a reach": [*panels[:5], replace(panels[5], series=[Series("run", line, (1, 3), (1, 2))])],
        "a size": [*panels[:5], replace(panels[5], size=(7.0, 2.5))],
        "a row": panels[:5],
    }
    for what, others in changed.items():
        words = words_of(others, tmp_path / "b.svg")
        assert words.count("epoch") + words.count("seconds") == len(others), what
    assert [word for word in words if word.startswith("panel")] == [panel.title for panel in panels[:5]]
