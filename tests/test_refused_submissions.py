"""A submission that is refused leaves the study as it was; one that is sent makes only what is lost again."""

import errno
import shutil

import pyarrow.parquet as pq
import pytest

from runner import submit
from srcnn.files import read_json
from srcnn.metrics import Reference


def files_of(paths):
    """Every file of a study and its content."""
    return {
        str(file.relative_to(paths.folder)): file.read_bytes() for file in paths.folder.rglob("*") if file.is_file()
    }


def run_of(paths):
    return paths.run(read_json(paths.contents)["runs"][0]["run_id"])


def shard_of(paths):
    run = read_json(paths.contents)["runs"][0]
    return paths.shard(run["run_id"], run["eval_id"], 1, 0)


def lose_the_checkpoint(paths):
    run_of(paths).checkpoint(1).unlink()


def lose_a_picture(paths):
    next(run_of(paths).rendered_epoch("eval", 1).rglob("*.png")).unlink()


def lose_a_baseline(paths):
    next((paths.folder / "baselines").rglob("*.png")).unlink()


LOSSES = [lose_the_checkpoint, lose_a_picture, lose_a_baseline]


@pytest.mark.parametrize("lose", LOSSES)
def test_where_no_submission_can_be_made_nothing_is_lost(finished, ends, lose):
    lose(finished)
    shutil.rmtree(finished.submissions)
    finished.submissions.write_text("a file in the place of the folder")
    before = files_of(finished)
    ended = ends(submit.main, finished.folder, "seed=7", "--executor", "local")
    assert ended.status == 2
    assert before.items() <= files_of(finished).items()


@pytest.mark.parametrize("lose", LOSSES)
def test_where_the_code_cannot_be_copied_nothing_is_lost(finished, ends, lose, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    lose(finished)
    before = files_of(finished)
    monkeypatch.setattr("runner.executors.snapshot.shutil.copytree", full)
    ended = ends(submit.main, finished.folder, "--executor", "local")
    assert ended.status == 2
    assert "No space left" in ended.err
    assert files_of(finished) == before


def test_what_is_not_sent_keeps_what_it_made(finished, ends):
    lose_the_checkpoint(finished)
    before = files_of(finished)
    ended = ends(submit.main, finished.folder, "--executor", "local", "--only", "failed")
    assert (ended.status, "Nothing to send" in ended.out) == (0, True)
    assert files_of(finished) == before


def test_a_lost_picture_costs_its_own_scores_alone(finished, ends, monkeypatch):
    scored = []
    real = Reference.score
    monkeypatch.setattr(Reference, "score", lambda *a, **k: scored.append(1) or real(*a, **k))
    monkeypatch.setattr("jobs.scoring.warm_up", lambda *a: None)  # it scores, too
    monkeypatch.setattr("analysis.build.write_report", lambda folder, *_: None)  # its figures are scored, too
    before = pq.read_table(shard_of(finished)).sort_by("image").to_pylist()
    lost = next(run_of(finished).rendered_epoch("eval", 1).rglob("luma/*/*.png"))
    pixels = lost.read_bytes()
    lost.unlink()
    assert ends(submit.main, finished.folder, "--executor", "debug").status == 0
    assert lost.read_bytes() == pixels
    assert pq.read_table(shard_of(finished)).sort_by("image").to_pylist() == before
    assert (len(before), len(scored)) == (2, 1)
