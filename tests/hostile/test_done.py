"""What is done is one thing: whoever loses a file learns the same from ``status`` as from ``submit --dry-run``."""

import shutil
import time
from pathlib import Path

import pytest

from jobs.pictures import load_set
from runner.config import load_study
from runner.plan import make_plan
from runner.state import study_status
from srcnn.paths import StudyPaths


def to_do(study: StudyPaths) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The tasks that ``status`` does not call done, and those that ``submit`` would send."""
    load_set.cache_clear()
    shown = [task.key for task in study_status(study, time.time()).tasks if task.state != "done"]
    plan = make_plan(load_study(str(study.folder))[0], study.root)
    return shown, [task.key for task in plan.missing()]


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
