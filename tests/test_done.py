"""What is done is one thing: whoever loses a file learns the same from ``status`` as from ``submit --dry-run``."""

import json
import shutil
import time
from pathlib import Path

import pytest

from analysis import load, report, table
from jobs.pictures import load_set
from runner import cancel, clean, logs, status, submit
from runner.record.state import study_status
from runner.study.config import load_study
from runner.study.plan import Plan, make_plan
from srcnn.contents import LAYOUT
from srcnn.files import write_text
from srcnn.paths import StudyPaths


def to_do(study: StudyPaths) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The tasks that ``status`` does not call done, and those that ``submit`` would send."""
    load_set.cache_clear()
    shown = [task.key for task in study_status(study, time.time()).tasks if task.state != "done"]
    return shown, [task.key for task in planned(study).missing()]


def test_whatever_file_is_gone_both_name_the_same_tasks(finished, tmp_path):
    assert to_do(finished) == ([], [])
    left = [file for file in sorted(finished.root.root.rglob("*")) if file.is_file()]
    found = {}
    for file in left:
        if "submissions" in file.parts or file in (finished.config, finished.contents):
            continue  # neither is made by a task
        kept = shutil.move(file, tmp_path / "kept")
        shown, planned = to_do(finished)
        shutil.move(kept, file)
        assert shown == planned, file
        found[file.relative_to(finished.root.root)] = {stage for stage, _ in planned}
    assert set.union(*found.values()) >= {"baseline", "train", "render", "evaluate", "report"}
    (best,) = (stages for file, stages in found.items() if file.name == "best.pt")
    assert best == {"train", "render", "evaluate", "report"}
    assert found[Path("data") / next(finished.root.data.glob("*.h5")).name] == set()  # all that it serves is done


@pytest.mark.parametrize("lost", ["checkpoints", "scores"])
def test_patches_are_made_again_for_a_training_and_for_nothing_else(finished, lost):
    next(finished.root.data.glob("*.h5")).unlink()
    shutil.rmtree(finished.runs if lost == "checkpoints" else finished.folder / "scores")
    shown, planned = to_do(finished)
    assert shown == planned
    assert ("prepare" in {stage for stage, _ in planned}) == (lost == "checkpoints")


def planned(study: StudyPaths, *changes: str) -> Plan:
    return make_plan(load_study(str(study.folder), changes)[0], study.root)


def rows(study: StudyPaths) -> list[dict[str, object]]:
    found = load(study.folder).drop(columns=["label"]).astype(object)
    found = found.where(found.notna(), None).to_dict("records")
    return sorted(found, key=lambda row: str(row))


def test_scores_that_are_divided_otherwise_are_taken_over(finished, monkeypatch):
    before, halves = rows(finished), "evaluate.shards=2"
    assert [task.stage for task in planned(finished, halves).missing()] == ["evaluate", "evaluate", "report"]
    monkeypatch.setattr("jobs.scoring.Reference", None)  # nothing can be computed
    monkeypatch.setattr("analysis.build.write_report", lambda folder, *_: write_text(finished.report_page, "page"))
    assert submit.main([str(finished.folder), halves, "--executor", "debug"]) == 0
    assert rows(finished) == before
    assert clean.main([str(finished.folder), "--what", "superseded", "--yes"]) == 0
    names = [file.name.rsplit("-", 1)[1] for file in sorted(finished.folder.glob("scores/r*/*"))]
    assert names == ["000of002.parquet", "001of002.parquet"]
    assert rows(finished) == before
    assert [task.stage for task in planned(finished).missing()] == ["report"]


@pytest.mark.parametrize("layout", [None, 1, 99])
def test_a_study_of_another_layout_is_named_and_left_alone(finished, ends, layout):
    contents = json.loads(finished.contents.read_text())
    finished.contents.write_text(json.dumps({**contents, "layout": layout} if layout else _without_layout(contents)))
    before = {file: file.read_bytes() for file in finished.folder.rglob("*") if file.is_file()}
    for main, *arguments in (
        (status.main,),
        (logs.main,),
        (cancel.main,),
        (clean.main, "--yes"),
        (submit.main, "--executor", "debug"),
        (submit.main, "seed=5", "--dry-run"),
        (table.main,),
        (report.main,),
    ):
        ended = ends(main, finished.folder, *arguments)
        assert ended.status == 2, ended
        assert f"made by another version (layout {layout or 1}; this one knows {LAYOUT})" in ended.said
        assert "below another root: python -m runner.submit FILE --root ELSEWHERE" in ended.said
    assert {file: file.read_bytes() for file in finished.folder.rglob("*") if file.is_file()} == before


def _without_layout(contents: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in contents.items() if key != "layout"}
