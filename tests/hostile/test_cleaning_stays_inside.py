"""What removes stays inside the study: links and records that lead elsewhere are named and left alone."""

import json
import shutil

import pytest

from analysis import compact
from runner import clean


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
    for name in ("mine", "eaaaaaaaaaa-0001-000", "eaaaaaaaaaa-0002-000"):
        shutil.copy(next(other.glob("e*.parquet")), other / f"{name}.parquet")
    shutil.move(other, tmp_path / "elsewhere")
    other.symlink_to(tmp_path / "elsewhere")
    shutil.copy(next(owner.glob("e*.parquet")), owner / "mine.parquet")
    before = whole(tmp_path / "elsewhere")
    assert ends(compact.main, finished.folder).status == 0
    assert whole(tmp_path / "elsewhere") == before
    assert (owner / "mine.parquet").exists()
