"""The report's page: what it answers, what it says is missing, the files beside it; and the commands."""

import csv
import json
import math
import re
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from score_tables import row, write_study
from web_page import Page

from analysis import compare, plot, table
from analysis.build import write_report
from analysis.charts import Axis, Cell, Panel, Series
from analysis.panels import save
from analysis.plots import cell_colours
from analysis.report import main
from analysis.style import COLOURS, Line, number, power_of_ten, run_styles
from srcnn.files import write_json
from srcnn.metrics import METRICS
from srcnn.paths import StudyPaths

PICTURES = [f"photo{i}" for i in range(8)]
UPSAMPLERS = ("nearest", "bicubic")


def rows_of(method: str, gain: float, seed: int) -> list[dict]:
    """Rows of eight pictures under every protocol; ``gain`` dB above a picture's difficulty."""
    generator = np.random.default_rng(seed)
    rows = []
    for i, name in enumerate(PICTURES):
        base = 25.0 + i
        luma = base + gain + 0.05 * generator.normal()
        if method != "direct":
            rows.append(row(name, method, protocol="luma", psnr=luma, ssim=0.8 + luma / 500, x=2, y=2))
        for x in (0, 160):
            psnr = base + gain + generator.normal()
            values = {"psnr": psnr, "ssim": 0.5 + psnr / 100, "x": x}
            if method != "direct":
                rows.append(row(name, method, **values))
            for k, upsampler in enumerate(UPSAMPLERS):
                for protocol in (
                    ("whole",)
                    if method == "bicubic"
                    else ("compound",)
                    if method == "direct"
                    else ("whole", "compound")
                ):
                    shifted = values | {"psnr": base + gain + k, "ssim": 0.5, "upsampler": upsampler}
                    rows.append(
                        row(name, method, protocol=protocol, zoom=2 if protocol == "compound" else 1, **shifted)
                    )
    return rows


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """Two settings with two seeds each, three epochs; good gains 1 dB, poor nothing."""
    runs = {}
    for name, gain in (("good", 1.0), ("poor", 0.0)):
        for seed in (0, 1):
            settings = {"training": {"loss": name}, "seed": seed, "evaluate": {"zooms": [2], "crops": [[160, 160]]}}
            settings["evaluate"] |= {"metrics": ["psnr", "ssim"], "upsamplers": list(UPSAMPLERS)}
            epochs = {
                epoch: rows_of("srcnn", gain - 0.5 / epoch + 0.1 * seed, 10 * seed + epoch) for epoch in (1, 2, 4)
            }
            runs[f"loss={name} seed={seed}"] = {"settings": settings, "epochs": epochs}
    return write_study(
        tmp_path_factory.mktemp("r") / "made", runs, [*rows_of("bicubic", 0.0, 5), *rows_of("direct", -1.0, 6)]
    )


@pytest.fixture(scope="module")
def page(study) -> str:
    return write_report(study).read_text()


@pytest.fixture(autouse=True)
def _drawn_once(page, without_figures) -> None:
    """Whatever page is made after the first."""


def answers(page: str) -> list[str]:
    return re.findall(r'<p class="answer">(.*?)</p>', page, re.S)


def test_the_answer_names_the_best_run_its_gain_and_its_interval(page):
    best = answers(page)[0]
    assert best.startswith("On test, loss=good is best: PSNR")
    found = re.search(r"([\d.]+) dB better than bicubic \(95% interval \+([\d.]+) to \+([\d.]+)\)", best)
    assert found, best
    gain, low, high = (float(text) for text in found.groups())
    assert low < gain < high
    assert gain == pytest.approx(0.925, abs=0.1)
    assert "loss=poor is" in best


def test_the_answer_says_whether_enlarging_regions_paid(page):
    text = answers(page)[1]
    assert "Enlarging regions of the restored picture 2 times paid on test: bicubic on loss=good" in text
    assert "2 of 2 upsamplers gained" in text


def test_every_table_is_a_csv_and_every_figure_a_png_and_a_pdf(study, page):
    report = StudyPaths(study).report
    links = re.findall(r'href="((?:tables|figures)/[^"]+)"', page)
    assert len(links) > 15
    assert all((report / link).stat().st_size for link in links)
    with (report / "tables" / "best.csv").open() as file:
        ranking = list(csv.DictReader(file))
    assert [line["variant"] for line in ranking] == ["loss=good", "loss=poor"]
    assert [line["seeds"] for line in ranking] == ["2", "2"]
    assert float(ranking[0]["seed_sd"]) == pytest.approx(0.1 / math.sqrt(2), abs=0.03)


def test_the_page_needs_nothing_from_outside(page):
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)
    assert "<script src" not in page
    assert "@import" not in page


def test_the_page_is_well_formed_with_its_figures_in_it(page):
    read = Page(page)
    assert (read.open, read.crossed) == ([], [])
    figures = [json.loads(unescape(told)) for told in re.findall(r'class="numbers">(.*?)</div>', page)]
    assert len(figures) > 4
    assert all(
        len(series["x"]) == len(series["y"])
        for figure in figures
        for panel in figure
        for series in panel["series"]
        if series["kind"] != "level"
    )


def test_seeds_share_a_colour_and_runs_do_not(page):
    assert COLOURS[0].lower() in page.lower()
    styles = run_styles(["a", "b"], ["bicubic"])
    assert styles["a"].colour != styles["b"].colour


def test_settings_that_differ_are_shown_and_the_command_that_repeats_it(study, page):
    assert "training.loss" in page
    assert f"<code>python -m runner.submit {study}</code>" in page


def test_a_refresh_removes_what_is_no_longer_shown(study, page):
    old = StudyPaths(study).report / "figures" / "old.png"
    old.write_bytes(b"x")
    write_report(study)
    assert not old.exists()


def test_a_half_finished_study_is_reported_and_says_what_is_missing(tmp_path):
    rows = [row(name, protocol="luma", psnr=30.0) for name in PICTURES]
    runs = {"done": {"epochs": {1: rows}}, "waiting": {"epochs": {}, "wanted": [1, 2]}}
    page = write_report(write_study(tmp_path / "half", runs, [])).read_text()
    assert "3 of 4 score files are not there yet" in page
    assert "nothing yet of waiting" in page
    assert "python -m runner.submit" in page
    assert "On test, done is best" in page


def test_a_study_without_any_score_still_has_a_page(tmp_path):
    page = write_report(write_study(tmp_path / "new", {"run": {"epochs": {}, "wanted": [1]}}, [])).read_text()
    assert "Nothing was scored yet." in page


def test_failures_are_grouped_by_cause(tmp_path):
    study = write_study(tmp_path / "s", {"a": {"epochs": {}, "wanted": [1]}, "b": {"epochs": {}, "wanted": [1]}}, [])
    record = {"stage": "train", "number": 1, "host": "h", "pid": 1, "start": 0.0, "end": 3600.0, "cores": 2}
    for i in (0, 1):
        run = f"r{i:010d}"
        failed = record | {
            "task": run,
            "outcome": "failed",
            "cause": "OSError",
            "message": f"disk {i} is full",
            "log": "x",
        }
        write_json(StudyPaths(study).run(run).attempts / f"train-{run}-1.json", failed)
    page = write_report(study).read_text()
    assert "2 tasks failed" in page
    assert page.count("disk 0 is full") == 1
    assert "disk 1 is full" not in page
    assert "4.00 core-hours in all" in page


def test_infinite_and_null_values_are_counted_on_the_page(tmp_path):
    rows = [row("a", psnr=math.inf, ssim=None), row("b", psnr=30.0, ssim=0.9)]
    page = write_report(write_study(tmp_path / "s", {"run": {"epochs": {1: rows}}}, [])).read_text()
    assert "Values that could not enter a mean" in page


def test_bad_folders_are_refused_by_every_command(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert table.main([str(tmp_path)]) == 2
    assert plot.main([str(tmp_path), "--out", str(tmp_path / "x.png")]) == 2
    assert compare.main([str(tmp_path), str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("holds no study") == 4


def test_table_in_csv_has_a_line_for_every_combination(study, capsys):
    assert table.main([str(study), "--by", "run,epoch,protocol", "--metric", "psnr,ssim", "--format", "csv"]) == 0
    lines = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    runs = [line for line in lines if line["run"].startswith("loss=")]
    assert len(runs) == 4 * 3 * 4
    assert {line["pictures"] for line in lines} == {"8"}


def test_table_in_markdown_and_by_a_setting(study, capsys):
    arguments = ["--by", "training.loss", "--metric", "psnr", "--where", "protocol=luma", "--where", "method=srcnn"]
    assert table.main([str(study), *arguments, "--format", "markdown"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("| training.loss | pictures | comparisons | PSNR (dB) ↑ |")
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| good", "| poor"]


def test_different_protocols_are_never_averaged(study, capsys):
    assert table.main([str(study), "--by", "run", "--metric", "psnr"]) == 0
    shown = capsys.readouterr()
    assert "protocol" in shown.out.splitlines()[0]
    assert "different things are not averaged" in shown.err


def test_a_column_that_does_not_exist_is_refused_with_the_nearest(study, capsys):
    assert table.main([str(study), "--by", "upsampel"]) == 2
    assert "did you mean upsampler?" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", [".svg", ".png", ".pdf"])
def test_plot_writes_the_format_of_its_suffix(study, tmp_path, suffix):
    target = tmp_path / f"figure{suffix}"
    where = ["--where", "protocol=compound"]
    assert (
        plot.main([str(study), "--x", "epoch", "--y", "psnr", "--by", "upsampler", *where, "--out", str(target)]) == 0
    )
    assert target.read_bytes()[:4] in (b"<?xm", b"\x89PNG", b"%PDF")


@pytest.mark.parametrize("marker", ["o", "s", "D", "^", "v", "P", "x"])
def test_a_figure_has_a_mark_at_each_point(marker, tmp_path):
    points = Series("run", Line("#ff0000", "-", marker), [1.0, 2.0, 4.0], [1.0, 3.0, 2.0], kind="marks", size=8.0)
    save([Panel("title", Axis("x"), Axis("y"), [points])], tmp_path / "figure.png")
    red, green, blue = np.moveaxis(np.asarray(Image.open(tmp_path / "figure.png").convert("RGB")).astype(int), 2, 0)
    found, count = ndimage.label(red - np.maximum(green, blue) > 128)
    assert count == 4  # one is the legend's
    (y1, x1), (y2, x2), (y3, x3) = sorted(ndimage.center_of_mass(found > 0, found, range(1, 5)), key=lambda at: at[1])[
        1:
    ]
    assert (x3 - x2) / (x2 - x1) == pytest.approx(2, rel=0.03)
    assert (y1 - y3) / (y1 - y2) == pytest.approx(0.5, rel=0.03)


def test_a_cell_of_a_matrix_is_filled_to_its_corners(tmp_path):
    cells = [Cell(0, 0, "#ff0000", "", "#000000"), Cell(1, 0, "#0000ff", "", "#000000")]
    panel = Panel("", Axis("", names=["a", "b"]), Axis("", names=["c"]), cells=cells)
    save([panel], tmp_path / "figure.png")
    pixels = np.asarray(Image.open(tmp_path / "figure.png").convert("RGB"))
    for colour in ((255, 0, 0), (0, 0, 255)):
        there = (pixels == colour).all(axis=2)
        (height, width), (y, x) = np.ptp(np.argwhere(there), axis=0) + 1, np.argwhere(there).min(axis=0)
        assert there[y : y + height, x : x + width].mean() > 0.99
        assert width > 50


def test_wide_names_of_an_axis_are_not_cut_off(tmp_path):
    panel = Panel(
        "", Axis("", names=["a"]), Axis("", names=["MMMMMMWWWWWW"]), cells=[Cell(0, 0, "#ffffff", "", "#fff")]
    )
    save([panel], tmp_path / "figure.png")
    assert np.asarray(Image.open(tmp_path / "figure.png").convert("L"))[:, :3].min() == 255


def test_a_figure_of_another_kind_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"as \.svg, \.png or \.pdf, not as '\.jpg'"):
        save([Panel("", Axis("x"), Axis("y"))], tmp_path / "figure.jpg")


def test_compare_shows_the_setting_and_what_it_did(study, capsys):
    assert compare.main([f"{study}:loss=poor", f"{study}:loss=good", "--metric", "psnr", "--protocol", "luma"]) == 0
    out = capsys.readouterr().out
    assert "training.loss: poor -> good" in out
    assert "seed" not in out
    gain, low, high = re.search(r"\+([\d.]+) \[\+([\d.]+), \+([\d.]+)\] \*", out).groups()
    assert float(low) <= float(gain) <= float(high)
    assert float(gain) == pytest.approx(1.0, abs=0.05)


def test_compare_takes_folders_of_runs(study, capsys):
    runs = [study / "runs" / run["run_id"] for run in json.loads((study / "contents.json").read_text())["runs"]]
    assert compare.main([str(runs[0]), str(runs[2]), "--metric", "psnr"]) == 0
    assert "training.loss: good -> poor" in capsys.readouterr().out


def test_small_numbers_are_written_so_that_they_can_be_read():
    assert number(1.25e-8, "cos") == "1.2e−8"
    assert number(-0.00041, "psnr", signed=True) == "−0.0004"
    assert number(math.inf, "psnr") == "∞"
    assert number(None, "psnr") == number(math.nan, "psnr") == "–"
    assert power_of_ten(3.2e-8) == -8
    assert power_of_ten(0.9) == power_of_ten(0.0) == 0


def test_every_metric_has_a_head_with_its_direction():
    from analysis.style import metric_head

    assert all(metric_head(name)[-1] == ("↑" if about.higher_is_better else "↓") for name, about in METRICS.items())


def test_the_numbers_on_the_correlation_matrix_are_readable_on_their_cells():
    """Text is white or black on its cell; the least contrast over the whole scale."""

    def luminance(rgb):
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in rgb]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for step in range(-100, 101):
        value = step / 100
        cell, text = (luminance([int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)]) for c in cell_colours(value))
        assert (max(text, cell) + 0.05) / (min(text, cell) + 0.05) > 4.4, value
