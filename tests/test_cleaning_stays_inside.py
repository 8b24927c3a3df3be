"""What removes stays inside the study: links and records that lead elsewhere are named and left alone."""

import json
import shutil

import pytest

from analysis import compact
from analysis.page import write_files
from jobs.events import Events
from jobs.folders import open_folder
from jobs.pictures import load_set
from runner import clean, submit
from srcnn.paths import OutsideStudy


@pytest.fixture
def victim(tmp_path):
    """A folder of somebody else's, with files of the names that cleaning looks for."""
    for name in ("victim/precious.txt", "victim/0001-x/train/1.pkl", "victim/checkpoints/last.pt"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("precious")
    return tmp_path / "victim"


def whole(folder):
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("name", ["run_id", "degradation_id"])
def test_an_id_that_is_a_path_removes_nothing_elsewhere(finished, ends, victim, name):
    contents = json.loads(finished.contents.read_text())
    contents["runs"][0][name] = "../../../victim"
    finished.contents.write_text(json.dumps(contents))
    before = whole(victim)
    ended = ends(clean.main, finished.folder, "--what", "pictures,baselines,checkpoints", "--yes")
    assert ended.status in (1, 2)
    assert whole(victim) == before


@pytest.mark.parametrize(("place", "kind"), [("submissions", "submissions"), ("runs", "runs,checkpoints")])
def test_a_link_in_the_parents_is_not_followed(finished, ends, victim, place, kind):
    folder = finished.folder / place
    if place == "runs":
        shutil.copytree(folder, victim, dirs_exist_ok=True)
    shutil.rmtree(folder)
    folder.symlink_to(victim)
    before = whole(victim)
    ended = ends(clean.main, finished.folder, "--what", kind, "--yes")
    assert (ended.status, "outside of the study: it is left alone" in ended.err) == (1, True)
    assert whole(victim) == before


def test_what_goes_is_listed_by_path(finished, ends):
    ended = ends(clean.main, finished.folder, "--what", "baselines", "--list", "--yes")
    (gone,) = [line for line in ended.out.splitlines() if line.startswith(str(finished.folder))]
    assert gone.startswith(str(finished.baseline("")))
    assert not list(finished.baseline("").iterdir())


def test_merging_leaves_alone_what_a_link_leads_to_and_what_is_no_shard(finished, ends, tmp_path):
    owner, other = sorted(finished.scores("").iterdir())
    for name in ("mine", "eaaaaaaaaaa-0001-000of001", "eaaaaaaaaaa-0002-000of001"):
        shutil.copy(next(other.glob("e*.parquet")), other / f"{name}.parquet")
    shutil.move(other, tmp_path / "elsewhere")
    other.symlink_to(tmp_path / "elsewhere")
    shutil.copy(next(owner.glob("e*.parquet")), owner / "mine.parquet")
    before = whole(tmp_path / "elsewhere")
    assert ends(compact.main, finished.folder).status == 0
    assert whole(tmp_path / "elsewhere") == before
    assert (owner / "mine.parquet").exists()


def linked(folder, elsewhere):
    """The folder, moved elsewhere, with a link in its place."""
    shutil.move(folder, elsewhere)
    folder.symlink_to(elsewhere)
    return elsewhere


@pytest.mark.parametrize("lost", ["runs", "scores"])
def test_stale_results_below_a_link_are_named_and_neither_removed_nor_taken_for_good(finished, ends, tmp_path, lost):
    (run,) = finished.runs.iterdir()
    (run / "checkpoints" / "epoch_0001.pt").unlink()
    elsewhere = linked(run if lost == "runs" else finished.scores(run.name), tmp_path / "elsewhere")
    before, contents = whole(elsewhere), finished.contents.read_bytes()
    ended = ends(submit.main, finished.folder, "--executor", "debug")
    assert ended.status == 2
    assert f"lies in {elsewhere}" in ended.said
    assert "outside of the study, where nothing is removed" in ended.said
    assert whole(elsewhere) == before
    assert finished.contents.read_bytes() == contents


def test_pictures_of_another_set_below_a_link_are_not_removed(finished, tmp_path):
    (run,) = finished.runs.iterdir()
    elsewhere = linked(run, tmp_path / "elsewhere")
    folder = run / "Test_SRCNN_Output" / "epoch_0001" / "tests"
    (folder / ".set").write_text("s0000000000")
    before = whole(elsewhere)
    pictures = load_set(finished.root, json.loads(finished.contents.read_text())["sets"]["tests"]["set_id"])
    with pytest.raises(OutsideStudy, match="is no longer of use and lies in"):
        open_folder(folder, pictures, finished.folder)
    assert whole(elsewhere) == before


@pytest.mark.parametrize("folder", ["figures", "tables", "."])
def test_a_report_deletes_no_earlier_tables_and_figures_that_a_link_leads_to(tmp_path, folder):
    report, elsewhere = tmp_path / "study" / "report", tmp_path / "elsewhere"
    (report / "tables").mkdir(parents=True)
    (report / "figures").mkdir()
    for file in ("tables/own.csv", "figures/own.png"):
        (report / file).write_text("precious")
    linked(report / folder, elsewhere)
    before = whole(elsewhere)
    write_files([], report)
    assert whole(elsewhere) == before


def test_a_report_deletes_earlier_tables_and_figures_and_no_folder(tmp_path):
    report = tmp_path / "report"
    for name in ("tables/old.csv", "figures/old.png", "figures/own/kept.png", "tables/own.csv/kept.csv"):
        (report / name).parent.mkdir(parents=True, exist_ok=True)
        (report / name).write_text("text")
    write_files([], report)
    assert set(whole(report)) == {"figures/own/kept.png", "tables/own.csv/kept.csv"}


def test_events_of_tensorboard_that_a_link_leads_to_stay(tmp_path, caplog):
    pytest.importorskip("tensorboard")
    study = tmp_path / "study"
    events = study / "runs" / "r0" / "tensorboard"
    events.mkdir(parents=True)
    (events / "own").write_text("precious")
    elsewhere = linked(study / "runs", tmp_path / "elsewhere")
    Events(events, [], study).close()
    assert (elsewhere / "r0" / "tensorboard" / "own").read_text() == "precious"
    assert "outside of the study: what is in it stays" in caplog.text
