"""What a light table holds: pictures in an order and a budget, scores packed, the pictures of two studies."""

import base64
import json
import re
import shutil

import numpy as np
import pytest
from conftest import opened, tiny_study
from score_tables import row, write_study, write_two_degradations

from analysis import compare
from analysis.build import write_report
from analysis.evidence import Evidence
from analysis.light.methods import Picture, Table, methods_of
from analysis.light.scores import INFINITE, MISSING, NEGATIVE, grids_of, packed, sheets
from analysis.light.table import common_pictures, light_table, telling_order
from analysis.pictures import most_mended
from analysis.scores import load
from analysis.study import open_study
from jobs.shown_pictures import ShownPictures
from runner.study.config import load_study
from runner.study.plan import make_plan
from srcnn.patches import Box
from srcnn.paths import RootPaths, StudyPaths


def made(folder, name="tiny", **changes):
    """A study with pictures and scores of one run; its folder."""
    settings = {"evaluate__metrics": ["psnr", "ssim"], "evaluate__protocols": ["region", "luma"]}
    file = tiny_study(folder, **settings | changes)
    study, _ = load_study(str(file), [f"name={name}"])
    plan = make_plan(study, RootPaths(folder / "results"))
    plan.save()
    for task in plan.tasks:
        if task.stage != "report":
            task.job()
    return plan.paths.folder


@pytest.fixture(scope="module")
def finished_once(tmp_path_factory):
    return made(tmp_path_factory.mktemp("light"), training__epochs=2)


@pytest.fixture
def study(finished_once, tmp_path):
    root = shutil.copytree(finished_once.parent, tmp_path / "results")
    return root / finished_once.name


def table_of(study, most_mb=15.0):
    return json.loads(light_table([Evidence(open_study(study), most_mb)], StudyPaths(study).report_page))


def numbers(sheet, metrics, size):
    """The values of a packed sheet, as the page unpacks them."""
    codes = np.frombuffer(base64.b64decode(sheet["data"]), "<u2").reshape(metrics, size)
    values = np.array(sheet["low"])[:, None] + codes * np.array(sheet["step"])[:, None]
    for code, meant in ((MISSING, np.nan), (INFINITE, np.inf), (NEGATIVE, -np.inf)):
        values[codes == code] = meant
    return values


def test_packed_scores_are_those_of_the_study_as_the_report_prints_them():
    values = np.array([[31.234, 28.0, np.nan, np.inf, -np.inf], [0.98765, 1.0, 0.5, 0.5, 0.5], [1.2e-8, 9e-9, 0, 0, 0]])
    found = numbers(packed(values, ["psnr", "ssim", "cos"]), 3, 5)
    assert found[0] == pytest.approx([31.23, 28.0, np.nan, np.inf, -np.inf], abs=0.0051, nan_ok=True)
    assert found[1] == pytest.approx(values[1], abs=0.000051)
    assert found[2] == pytest.approx(values[2], abs=1e-11)


def test_packed_scores_of_any_range_lie_within_half_a_step():
    values = np.array([np.linspace(-1000.0, 90000.0, 500)])
    found = numbers(packed(values, ["psnr"]), 1, 500)
    assert np.abs(found - values).max() <= 91000 / 65532 / 2 + 0.01


def test_the_page_holds_every_score_of_a_small_study(study):
    table = table_of(study)
    (run,) = [method for method in table["methods"] if method["kind"] == "run"]
    rows = load(study, protocol="region")
    for method, epoch in ((run["key"], 1), (run["key"], 2), ("bicubic", 0)):
        own = rows[rows["run_id"].astype(object).fillna("bicubic") == method]
        own = own[own["epoch"] == epoch] if epoch else own
        sheet = numbers(table["sheets"][f"{method}|{epoch}|region||1"], 2, len(own))
        assert sorted(sheet[0]) == pytest.approx(sorted(own["psnr"]), abs=0.0051)
    assert [method["key"] for method in table["methods"]] == ["original", "low", "bicubic", run["key"]]
    assert run["files"] == {"1|full": 1, "2|full": 1}


def test_the_sheets_of_each_run_baseline_and_protocol_hold_their_own_scores(tmp_path):
    evidence = Evidence(open_study(write_two_degradations(tmp_path / "study")))
    pictures = (Picture("test", "q", 160, 160), Picture("test", "p", 160, 160))
    table = Table((evidence,), pictures, tuple(methods_of(evidence, 0, "", "")))
    found = sheets(table, [grids_of(evidence, pictures)], [], 10**6)
    one, two = (run.run_id for run in evidence.study.runs)
    for method, level in (
        ("1.bicubic|0", 10),
        ("2.bicubic|0", 20),
        (f"{one}|1", 30),
        (f"{two}|1", 1),
        (f"{two}|2", 40),
    ):
        for protocol, more in (("luma", 0.4), ("region", 0.6)):
            psnr = numbers(found[f"{method}|{protocol}||1"], 2, 2)[0]
            assert psnr == pytest.approx([level + 1 + more, level + more], abs=0.0051)


def test_pictures_are_held_up_to_the_budget_and_lie_beside_the_page(study):
    everything = table_of(study)["held"]
    sizes = {key: len(data) for key, data in everything.items()}
    assert len(everything) == 2 * (3 + 2)  # of each picture the original, two inputs and two epochs
    half = sum(sizes.values()) / 2
    some = table_of(study, most_mb=half / 1e6)
    assert half / 3 < sum(map(len, some["held"].values())) <= half
    last = [f"{method['key']}|{method['epochs'][-1] if method['epochs'] else 0}|full" for method in some["methods"]]
    for i in range(len(some["pictures"])):  # what is compared is held together, or not at all
        assert sum(f"{key}|{i}" in some["held"] for key in last) in (0, len(last))
    for method in some["methods"]:
        for picture in some["pictures"]:
            base = method["bases"][picture["set"]].replace("{epoch}", "0002")
            file = StudyPaths(study).report / some["bases"][0] / base / picture["set"] / f"{picture['file']}.png"
            assert opened(file).shape[2] == 3


def test_the_originals_beside_a_page_follow_the_content_of_their_set(study):
    table_of(study)
    folders = sorted(StudyPaths(study).report_pictures.glob("*/*"))
    assert len(folders) == 2
    old = folders[0].rename(folders[0].with_name("s0000000000"))
    table_of(study)
    assert sorted(StudyPaths(study).report_pictures.glob("*/*")) == folders
    assert not old.exists()


def test_what_tells_most_comes_first(tmp_path):
    names = ["a", "b", "c", "d"]
    runs = {"one": {"epochs": {1: [row(n, psnr=30.0 + i, x=2, protocol="luma") for i, n in enumerate(names)]}}}
    base = [row(n, "bicubic", psnr=30.0, x=2, protocol="luma") for n in names]
    evidence = Evidence(open_study(write_study(tmp_path / "s", runs, base)))
    pictures = [Picture("test", name, 9, 9) for name in names]
    assert telling_order(evidence, pictures) == [3, 0, 2, 1]
    (grid,) = grids_of(evidence, [*pictures, Picture("test", "unknown", 9, 9)])
    assert grid.of_picture == [0, 0, 0, 0, -1]


def test_a_study_without_pictures_has_no_table(tmp_path, without_figures):
    study = write_study(tmp_path / "s", {"one": {"epochs": {1: [row("a", psnr=30.0)]}}}, [])
    assert light_table([Evidence(open_study(study))], StudyPaths(study).report_page) is None
    assert 'class="light-data"' not in write_report(study).read_text()


def test_two_studies_share_the_pictures_of_one_content(finished_once, study, tmp_path, capsys, without_figures):
    page = tmp_path / "both.html"
    sides = [str(finished_once), str(study)]
    assert compare.main([*sides, "--html", str(page)]) == 0
    assert capsys.readouterr().out.count(str(page)) == 1
    text = page.read_text()
    (data,) = re.findall(r'<script type="application/json" class="light-data">(.*?)</script>', text, re.S)
    table = json.loads(data)
    kinds = [(method["kind"], method["study"]) for method in table["methods"]]
    assert kinds == [("original", 0), ("low", 0), ("bicubic", 0), ("run", 0), ("run", 1)]
    assert len({method["name"] for method in table["methods"]}) == 5
    assert all((page.parent / base / "contents.json").exists() for base in table["bases"])
    assert not StudyPaths(finished_once).report_pictures.exists()  # comparing writes into no study
    assert compare.main([*sides, "--html", str(page)]) == 2
    assert "--overwrite" in capsys.readouterr().err
    lists = sorted((study.parent / "data").glob("s*.json"))
    for file in lists:
        file.write_text(file.read_text().replace('"digest": "', '"digest": "0'))
    assert common_pictures([Evidence(open_study(folder)) for folder in sides]) == []


def test_what_no_file_keeps_is_restored_for_the_table(tmp_path):
    folder = made(tmp_path, render__keep="none")
    without = table_of(folder)
    (run,) = [method for method in without["methods"] if method["kind"] == "run"]
    assert run["files"] == {"1|full": [], "2|full": []}
    evidence = Evidence(open_study(folder, ShownPictures(StudyPaths(folder))))
    table = json.loads(light_table([evidence], StudyPaths(folder).report_page))
    (run,) = [method for method in table["methods"] if method["kind"] == "run"]
    assert run["files"] == {"1|full": 1, "2|full": 1}
    assert {f"{run['key']}|{epoch}|full|{i}" for epoch in (1, 2) for i in (0, 1)} <= set(table["held"])


def test_a_study_of_whole_pictures_begins_with_the_part_that_was_mended_most(tmp_path):
    folder = made(tmp_path, training__epochs=1, evaluate__protocols=["luma"])
    write_report(folder)
    page = StudyPaths(folder).report_page.read_text()
    assert "Where the best run gained most" in page
    assert re.search(r"the part \d+x\d+ at \d+, \d+; PSNR of the whole picture went from", page)


def test_errors_are_counted_where_they_fell_not_where_they_are():
    original, after = (np.zeros((240, 400), np.uint8) for _ in range(2))
    before = original.copy()
    before[200:220, 300:330] = 40  # mended
    before[10:30, 10:60] = after[10:30, 10:60] = 90  # as wrong as it was
    part = most_mended(original, before, after, (50, 40))
    assert (part.width, part.height) == (50, 40)
    assert part.x <= 300 <= 330 <= part.x + 50
    assert part.y <= 200 <= 220 <= part.y + 40
    assert most_mended(original, before, after, (500, 500)) == Box(0, 0, 400, 240)
