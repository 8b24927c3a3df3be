"""A run may be called as a method, a column or nothing at all: it is never taken for something else."""

import csv
import io
import re

import pytest
from score_tables import row, write_study

import analysis
from analysis import plot, report, table
from analysis.study import open_study

LABELS = ("bicubic", "direct", "original", "set", "image", "nan", "bicubic (no run)")
GAINS = {label: 10.0 * (number + 1) for number, label in enumerate(LABELS)}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Baselines at 1 dB, and runs at 11, 21 and so on."""
    runs = {
        label: {"epochs": {epoch: [row(f"p{i}", psnr=1.0 + gain) for i in range(6)] for epoch in (1, 2)}}
        for label, gain in GAINS.items()
    }
    baseline = [row(f"p{i}", "bicubic", psnr=1.0) for i in range(6)]
    return write_study(tmp_path_factory.mktemp("labels") / "study", runs, baseline, metrics=("psnr",))


def test_method_and_label_are_two_things_in_the_frame(study):
    frame = analysis.load(study)
    assert set(frame["method"]) == {"srcnn", "bicubic"}
    assert set(frame.loc[frame["method"] == "srcnn", "label"]) == set(LABELS)
    assert frame.loc[frame["method"] == "bicubic", "label"].isna().all()
    assert frame.loc[frame["label"] == "bicubic", "psnr"].eq(11).all()
    (of_file,) = {str(label) for label in analysis.load(next(study.rglob("*.parquet")))["label"]}
    assert of_file == "nan"  # a file alone knows no runs


@pytest.mark.parametrize("by", ["run", "variant"])
def test_a_table_keeps_a_run_apart_from_the_baseline_of_its_name(study, ends, by):
    ended = ends(table.main, study, "--by", by, "--metric", "psnr", "--format", "csv")
    means = {each[by]: float(each["psnr"]) for each in csv.DictReader(io.StringIO(ended.out))}
    assert means == {**{label: 1 + gain for label, gain in GAINS.items()}, "bicubic (no run) (no run)": 1.0}
    ended = ends(table.main, study, "--by", by, "--where", f"{by}=bicubic", "--metric", "psnr", "--format", "csv")
    assert [(each[by], float(each["psnr"])) for each in csv.DictReader(io.StringIO(ended.out))] == [("bicubic", 11.0)]


def test_the_report_compares_a_run_with_the_baseline_of_its_name(study, ends):
    assert ends(report.main, study).status == 0
    with (study / "report" / "tables" / "best.csv").open() as file:
        rows = {each["variant"]: each for each in csv.DictReader(file)}
    assert {name: float(each["gain"]) for name, each in rows.items()} == GAINS
    assert {float(each["bicubic"]) for each in rows.values()} == {1.0}
    with (study / "report" / "tables" / "images.csv").open() as file:
        shown = next(csv.DictReader(file))
    of_runs = {**GAINS, "set (run)": GAINS["set"], "image (run)": GAINS["image"]}
    assert (shown["set"], shown["image"]) == ("test", "p0")
    assert {
        name: float(value) - 1 for name, value in shown.items() if name in of_runs and name not in ("set", "image")
    } == {name: gain for name, gain in of_runs.items() if name not in ("set", "image")}
    page = (study / "report" / "index.html").read_text()
    legend = re.search(r'<ul class="legend">.*?</ul>', page, re.S)[0]
    assert legend.count("data-key=") == len(LABELS) + 1


def test_a_plot_draws_a_line_for_the_run_and_one_for_the_baseline(study, ends, tmp_path):
    assert ends(plot.main, study, "--x", "epoch", "--y", "psnr", "--out", tmp_path / "a.svg").status == 0
    text = (tmp_path / "a.svg").read_text()
    assert ">bicubic</text>" in text
    assert ">bicubic (no run) (no run)</text>" in text


def test_a_baseline_keeps_its_name_where_no_run_has_it(tmp_path):
    study = write_study(tmp_path / "study", {"a": {"epochs": {1: [row("p")]}}}, [])
    assert open_study(study).baseline_names == {"bicubic": "bicubic", "direct": "direct"}
