"""Names of pictures, runs, notes and settings stand in a report, its figures and its tables, and nothing obeys them."""

import csv
import json
import re
from pathlib import Path
from unittest import mock
from xml.etree import ElementTree

import pytest
from chromium import browser  # noqa: F401 - a fixture
from conftest import photograph, tiny_study
from PIL import Image
from score_tables import row, write_study
from test_markup import LABELS, NAMES, RUNS, panels_of, well_formed

from analysis import plot, report, table
from analysis.panels import save
from runner import submit
from srcnn.files import write_text
from srcnn.paths import StudyPaths


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """A study of pictures with such names, whose runs and notes were then named so too; and its page."""
    folder = tmp_path_factory.mktemp("names")
    for number, name in enumerate(NAMES):
        file = folder / f"s{number % 2}" / f"{name}.png"
        file.parent.mkdir(exist_ok=True)
        Image.fromarray(photograph(20 + number, 40, 40)).save(file)
    sets = {f"s{number}": [str(folder / f"s{number}")] for number in range(2)}
    file = tiny_study(
        folder,
        data__eval=sets,
        data__test={},
        evaluate__metrics=["psnr", "ssim"],
        evaluate__crops=[[20, 20]],
        evaluate__protocols=["region"],
        training__epochs=1,
    )
    with mock.patch("analysis.build.write_report", _page):
        assert submit.main([str(file), "--executor", "debug", "--root", str(folder / "results")]) == 0
    paths = (folder / "results" / "tiny").rename(folder / "results" / NAMES[0])  # the folder's name is the study's
    contents = json.loads((paths / "contents.json").read_text())
    contents["notes"], contents["data_root"] = list(LABELS), LABELS[10]
    contents["runs"][0] |= {"label": LABELS[10], "variant": LABELS[10]}
    (paths / "contents.json").write_text(json.dumps(contents))
    assert report.main([str(paths)]) == 0
    return paths


def _page(folder: Path, *_: object) -> None:
    """A report that is not drawn yet."""
    write_text(StudyPaths(folder).report_page, "page")


def test_nothing_of_a_page_runs_and_its_policy_is_kept(study, browser):  # noqa: F811
    browser.get((study / "report" / "index.html").as_uri())
    assert browser.get_log("browser") == []  # where a browser complains of what a policy forbids
    assert browser.execute_script("return document.title") == NAMES[0]
    code = "return document.querySelectorAll('script:not([type=\"application/json\"]), iframe, object').length"
    assert browser.execute_script(code) == 1
    assert browser.execute_script("return document.images.length") > 10
    own = "return [...document.querySelectorAll('*')].flatMap((e) => e.getAttributeNames())"
    attributes = set(browser.execute_script(own))
    assert not {name for name in attributes if name.startswith("on") or name == "style"}
    said = browser.execute_script("return document.body.textContent")
    shown = browser.execute_script("return [...document.querySelectorAll('svg')].map((e) => e.ariaLabel).join('\\n')")
    for name in NAMES[:5]:
        assert name in said
    assert any(name in shown for name in NAMES[:5])


def test_the_policy_of_a_page_forbids_what_is_not_ours(study, browser, tmp_path):  # noqa: F811
    page = (study / "report" / "index.html").read_text()
    for added in (f"<script>{RUNS}</script>", f'<img src="data:," onerror="{RUNS}">', '<p style="color: red">x</p>'):
        (tmp_path / "page.html").write_text(page.replace("<h1>", f"{added}<h1>", 1))
        browser.get((tmp_path / "page.html").as_uri())
        assert browser.execute_script("return document.title") != "it ran"
        assert any("Content Security Policy" in entry["message"] for entry in browser.get_log("browser")), added


def test_pictures_and_tables_lie_beside_the_page_whatever_the_names(study):
    for folder in ("figures", "tables"):
        assert list((study / "report" / folder).iterdir())
    with (study / "report" / "tables" / "images.csv").open(newline="") as file:
        images = {each["image"] for each in csv.DictReader(file)}
    assert "'=1+1" in images
    assert "new\nline" in images
    assert not any("\x1b" in name or "\u202e" in name for name in images)


@pytest.fixture(scope="module")
def renamed(tmp_path_factory) -> Path:
    """A study without pictures whose runs have such labels."""
    epochs = {epoch: [row(name, psnr=20.0 + epoch) for name in NAMES] for epoch in (1, 2)}
    runs = {label: {"epochs": epochs, "settings": {"training": {"loss": label}}} for label in LABELS}
    folder = tmp_path_factory.mktemp("labels") / "study"
    with mock.patch("score_tables.write_text", lambda path, text: _write(path, text)):
        return write_study(folder, runs, [row(name, "bicubic", psnr=1.0) for name in NAMES], metrics=("psnr",))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(errors="surrogatepass"))


def test_plots_and_tables_take_any_label(renamed, ends, tmp_path):
    for suffix in (".svg", ".png", ".pdf"):
        out = tmp_path / f"plot{suffix}"
        assert ends(plot.main, renamed, "--y", "psnr", "--by", "run", "--x", "epoch", "--out", out).status == 0
    words = "\n".join(ElementTree.parse(tmp_path / "plot.svg").getroot().itertext())
    for label in ("$x_1^{$", "back\\slash \\1 \\g<0>", "half a letter \\ud800", LABELS[10]):
        assert label in words
    for way in ("text", "markdown", "csv"):
        out = ends(table.main, renamed, "--by", "run,training.loss", "--metric", "psnr", "--format", way).out
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\ud800]", out)
        assert ("'@SUM(A1)" in out) == (way == "csv")


@pytest.mark.parametrize("name", [name for name in LABELS if "\ud800" not in name])  # which no table can hold
def test_every_figure_is_well_formed_and_written_whatever_it_names(name, tmp_path):
    well_formed(name)
    save(panels_of(name)[:2], tmp_path / "a.pdf", tmp_path / "a.png")  # titles, lines and the names along an axis
