"""Which restored pictures are files, ``render.keep``, changes no score, and nothing that befalls a study loses more."""

import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import REPOSITORY, empty_figures, opened, tiny_study, write_pictures
from test_done import to_do

from jobs.pictures import load_set
from runner.record.stale import stale_results
from runner.study import plan as plans
from runner.study.config import load_study
from runner.study.plan import make_plan
from runner.study.space import files_needed
from runner.submit import main as submit
from srcnn.history import best_epoch
from srcnn.paths import RootPaths, StudyPaths
from srcnn.schema import KEY_COLUMNS
from srcnn.shards import unfinished_shard

EPOCHS = (1, 2, 4)


@pytest.fixture(scope="module")
def all_kept(tmp_path_factory):
    """The root of a finished study that kept the pictures of all its three epochs, and its page."""
    folder = tmp_path_factory.mktemp("all kept")
    write_pictures(folder / "test", [5], height=66, width=90)
    file = tiny_study(folder, training__epochs=4, render={"epochs": list(EPOCHS)}, evaluate__metrics=["psnr", "ssim"])
    with empty_figures():
        assert submit([str(file), "--executor", "debug", "--root", str(folder / "results")]) == 0
    return folder / "results"


@pytest.fixture
def trained(all_kept, tmp_path):
    """The study as it was when its network was trained, with nothing restored nor scored but the baseline."""
    shutil.copytree(all_kept, tmp_path / "results")
    study = StudyPaths(tmp_path / "results" / "tiny")
    for folder in (*study.folder.glob("scores/r*"), *study.folder.glob("runs/*/*_SRCNN_Output"), study.report):
        shutil.rmtree(folder)
    return study


def plan_of(study, *overrides):
    load_set.cache_clear()
    return make_plan(load_study(str(study.folder), overrides)[0], RootPaths(study.root.root))


def pictures(study):
    """The restored pictures that are files, by set of epochs."""
    files = study.folder.glob("runs/*/*_SRCNN_Output/**/*.png")
    return {str(file.relative_to(study.runs).relative_to(*file.relative_to(study.runs).parts[:1])) for file in files}


def epochs_of(names):
    return {int(re.search(r"epoch_(\d+)", name)[1]) for name in names}


def best(study):
    (history,) = study.runs.glob("*/history.jsonl")
    losses = {e["epoch"]: e["holdout_loss"] for e in map(json.loads, history.read_text().splitlines())}
    return min(EPOCHS, key=lambda epoch: losses[epoch])


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("keep", ["scored", "best", "none"])
def test_scores_are_the_same_to_the_bit_and_only_the_files_that_are_wanted_are_written(all_kept, trained, keep):
    assert submit([str(trained.folder), f"render.keep={keep}", "--executor", "debug"]) == 0
    theirs = all_kept / "tiny"
    shards = [file.relative_to(theirs) for file in theirs.glob("scores/r*/*.parquet")]
    assert len(shards) == len(EPOCHS)
    for shard in shards:
        assert pq.read_table(trained.folder / shard).equals(pq.read_table(theirs / shard))
    whole = pictures(StudyPaths(theirs))
    wanted = {"scored": {EPOCHS[-1], best(trained)}, "best": {best(trained)}, "none": set()}[keep]
    assert pictures(trained) == {name for name in whole if epochs_of([name]) <= wanted}
    for name in pictures(trained):
        (ours,), (other,) = (list(paths.glob(f"runs/*/{name}")) for paths in (trained.folder, theirs))
        assert np.array_equal(opened(ours), opened(other))
    assert to_do(trained) == ([], [])


@pytest.mark.usefixtures("undrawn")
def test_torch_scores_what_is_in_no_file_too(all_kept, trained):
    assert submit([str(trained.folder), "render.keep=none", "evaluate.backend=torch", "--executor", "debug"]) == 0
    for shard in all_kept.glob("tiny/scores/r*/*.parquet"):
        ours, theirs = pq.read_table(trained.folder / shard.relative_to(all_kept / "tiny")), pq.read_table(shard)
        assert ours.select(KEY_COLUMNS).equals(theirs.select(KEY_COLUMNS))
        for metric in ("psnr", "ssim"):
            assert np.allclose(ours[metric], theirs[metric], rtol=1e-5, atol=1e-5)
    assert pictures(trained) == set()


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("keep", ["scored", "none"])
def test_whatever_file_is_gone_status_and_submit_name_the_same_tasks(trained, tmp_path, keep):
    assert submit([str(trained.folder), f"render.keep={keep}", "--executor", "debug"]) == 0
    for file in sorted(file for file in trained.root.root.rglob("*") if file.is_file()):
        if "submissions" not in file.parts and file not in (trained.config, trained.contents):
            kept = shutil.move(file, tmp_path / "kept")
            shown, planned = to_do(trained)
            shutil.move(kept, file)
            assert shown == planned, file


def test_without_files_scoring_waits_for_the_training(trained):
    plan = plan_of(trained, "render.keep=none")
    (evaluate,) = plan.stage("evaluate")
    assert [need.stage for need in evaluate.needs] == ["train"]
    assert plan.stage("render") == []


@pytest.mark.usefixtures("undrawn")
def test_a_lost_picture_leaves_its_scores_and_a_lost_checkpoint_takes_them_along(trained):
    assert submit([str(trained.folder), "render.keep=scored", "--executor", "debug"]) == 0
    plan = plan_of(trained)
    (job,) = (task.job for task in plan.stage("evaluate"))
    next(trained.folder.glob("runs/*/Test_SRCNN_Output/epoch_0004/tests/*.png")).unlink()
    assert stale_results(plan.tasks) == []
    assert {task.stage for task in plan_of(trained).missing()} == {"render", "evaluate", "report"}
    scores = job.shard(4).stat().st_mtime_ns
    assert submit([str(trained.folder), "--executor", "debug"]) == 0
    assert job.shard(4).stat().st_mtime_ns == scores
    trained.run(job.run_id).checkpoint(1).unlink()
    assert job.shard(1) in [result.place for _, result in stale_results(plan_of(trained).tasks)]


KILLED = """
import os, signal, sys
from pathlib import Path
from runner.study.config import load_study
from runner.study.plan import make_plan
from srcnn.paths import RootPaths, StudyPaths

paths = StudyPaths(Path(sys.argv[1]))
plan = make_plan(load_study(str(paths.folder), sys.argv[2:])[0], RootPaths(paths.folder.parent))
(task,) = plan.stage("evaluate")
task.job(lambda done, total, note: os.kill(os.getpid(), signal.SIGKILL) if done == 4 else None)
"""


def test_a_killed_scoring_of_pictures_in_memory_goes_on_with_the_rest(all_kept, trained):
    command = [sys.executable, "-c", KILLED, str(trained.folder), "render.keep=none"]
    killed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    (task,) = plan_of(trained, "render.keep=none").stage("evaluate")
    assert task.job.shard(1).exists()
    assert unfinished_shard(task.job.shard(2)).exists()
    task.job()
    for shard in all_kept.glob("tiny/scores/r*/*.parquet"):
        assert pq.read_table(trained.folder / shard.relative_to(all_kept / "tiny")).equals(pq.read_table(shard))


def test_the_report_keeps_the_pictures_that_it_shows(all_kept, trained):
    with empty_figures():
        assert submit([str(trained.folder), "render.keep=none", "--executor", "debug"]) == 0
    pages = [paths.joinpath("report", "index.html").read_text() for paths in (all_kept / "tiny", trained.folder)]
    shown = [page.count("data:image/png") for page in pages]
    assert shown[0] == shown[1] > 0
    kept = pictures(trained)
    assert kept
    for name in kept:
        (ours,), (other,) = (list(paths.glob(f"runs/*/{name}")) for paths in (trained.folder, all_kept / "tiny"))
        assert np.array_equal(opened(ours), opened(other))
    assert to_do(trained) == ([], [])


@pytest.mark.usefixtures("without_figures")
def test_a_report_is_made_although_a_picture_that_it_would_show_cannot_be_restored(trained, caplog):
    plan = plan_of(trained, "render.keep=none")
    plan.save()
    for stage in ("evaluate", "report"):
        if stage == "report":
            for checkpoint in trained.runs.glob("*/checkpoints/*.pt"):
                checkpoint.write_bytes(checkpoint.read_bytes()[:-100])
        for task in plan.stage(stage):
            task.job()
    assert trained.report_page.exists()
    assert not pictures(trained)
    assert "cannot be shown: " in caplog.text
    assert "is damaged" in caplog.text


def test_a_study_of_very_many_pictures_keeps_those_of_two_epochs_and_says_so(trained, monkeypatch):
    assert plan_of(trained).runs[0].experiment.render.keep == "all"
    # Two sets of two pictures and one, of three views, at three epochs.
    monkeypatch.setattr(plans, "MANY_FILES", 26)
    plan = plan_of(trained)
    assert plan.runs[0].experiment.render.keep == "scored"
    assert "those of all would be 27 files (render.keep=all)" in " ".join(plan.notes)
    kept = plan_of(trained, "render.keep=all")
    assert kept.runs[0].experiment.render.keep == "all"
    assert [run.run_id for run in kept.runs] == [run.run_id for run in plan.runs]


def test_a_study_states_how_many_files_it_will_write(trained, capsys):
    report = 1
    for keep, files in (("all", 27), ("none", 0)):
        missing = plan_of(trained, f"render.keep={keep}").missing()
        assert files_needed(missing) == files + len(EPOCHS) + report
    assert submit([str(trained.folder), "render.keep=all", "--executor", "debug", "--dry-run"]) == 0
    assert "will be written in 31 files (pictures" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("lines", "best"),
    [([0.3, 0.1, 0.2, 0.4], 2), ([None, None, None, None], 4), ([0.3, None, 0.1, 0.4], 1), ([], 4), (["cut"], 4)],
)
def test_the_best_epoch_is_the_kept_one_of_the_lowest_held_out_loss(all_kept, tmp_path, lines, best):
    (history,) = all_kept.glob("tiny/runs/*/history.jsonl")
    record = json.loads(history.read_text().splitlines()[0])
    texts = [json.dumps({**record, "epoch": n, "holdout_loss": loss}) for n, loss in enumerate(lines, 1)]
    Path(tmp_path / "history.jsonl").write_text("".join(f"{text}\n" for text in texts))
    assert best_epoch(tmp_path / "history.jsonl", (1, 2, 4)) == best
