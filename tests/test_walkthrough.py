"""The whole road on two tiny pictures: from a study file to the report, and again for nothing."""

import json
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import REPOSITORY, empty_figures, opened, photograph, tiny_study
from web_page import Page

import analysis
from runner.record.stale import stale_results
from runner.study.config import load_study
from runner.study.plan import make_plan
from runner.submit import main
from srcnn.metrics import Reference
from srcnn.paths import RootPaths, StudyPaths
from srcnn.schema import KEY_COLUMNS
from srcnn.score_schema import score_schema


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> StudyPaths:
    """A study of two runs, run to its end in this process. Tests put back what they take away."""
    folder = tmp_path_factory.mktemp("a study")  # with a space in its path
    file = tiny_study(folder, sweep={"grid": {"seed": [1, 2]}})
    with empty_figures():
        assert main([str(file), "--executor", "debug", "--root", str(folder / "results")]) == 0
    return StudyPaths(folder / "results" / "tiny")


@pytest.fixture(autouse=True)
def _drawn_once(finished, undrawn):
    """Whatever is submitted after the first time."""


def plan_of(paths: StudyPaths):
    study, _ = load_study(str(paths.folder))
    return make_plan(study, RootPaths(paths.folder.parent))


def files_below(folder: Path) -> dict[str, int]:
    return {str(f.relative_to(folder)): f.stat().st_mtime_ns for f in folder.rglob("*") if f.is_file()}


def remade(paths: StudyPaths) -> set[str]:
    """Names of result files that a new submission writes, attempts and the report left aside."""
    before = files_below(paths.folder.parent)
    assert main([str(paths.folder), "--executor", "debug"]) == 0
    after = files_below(paths.folder.parent)
    changed = {name for name, stamp in after.items() if before.get(name) != stamp}
    return {
        name
        for name in changed
        if not any(part in name for part in ("attempts/", "submissions/", "report/", "study.yaml", "config.yaml"))
    }


def test_the_study_leaves_the_tree_that_the_readme_shows(finished):
    run = finished.run(plan_of(finished).runs[0].run_id)
    for path in [
        finished.config,
        finished.contents,
        finished.report_page,
        run.config,
        run.history,
        run.checkpoint(1),
        run.checkpoint(2),
        run.best,
        run.last,
        run.rendered_epoch("test", 2) / "tests" / "photo3.png",
        run.rendered_epoch("eval", 1) / "evals" / "photo4.png",
        run.rendered_epoch("eval", 1) / "zoom_2" / "evals" / "photo4.png",
        run.rendered_epoch("eval", 1) / "luma" / "evals" / "photo4.png",
    ]:
        assert path.exists(), path
    assert not list(finished.folder.parent.rglob("*.tmp"))


def test_no_temporary_file_stays_behind(finished):
    hidden = [f.name for f in finished.folder.parent.rglob(".*") if f.name != ".set"]
    assert hidden == []


def test_the_page_is_well_formed_and_all_that_it_refers_to_is_there(finished):
    page = Page(finished.report_page.read_text())
    assert (page.open, page.crossed) == ([], [])
    files = [link for link in page.links if not link.startswith(("data:", "#"))]
    assert len(files) > 10
    assert [link for link in files if not (finished.report / unquote(link)).is_file()] == []


def test_the_history_has_a_line_an_epoch_with_model_and_bicubic(finished):
    for planned in plan_of(finished).runs:
        records = [json.loads(line) for line in finished.run(planned.run_id).history.read_text().splitlines()]
        assert [record["epoch"] for record in records] == [1, 2]
        assert set(records[0]["sets"]["evals"]) == {"psnr", "ssim", "bicubic_psnr", "bicubic_ssim"}
        assert records[0]["holdout_loss"] > 0


def test_shards_keep_the_column_contract_and_keys_are_unique(finished):
    for shard in finished.folder.glob("scores/*/*.parquet"):
        assert pq.read_schema(shard).equals(score_schema(), check_metadata=False)
        assert pq.read_schema(shard).field("psnr").metadata == {b"unit": b"dB", b"higher_is_better": b"true"}
    frame = analysis.load(finished.folder)
    assert not frame.duplicated(list(KEY_COLUMNS)).any()


def test_every_protocol_method_and_epoch_is_scored(finished):
    frame = analysis.load(finished.folder)
    # 64x80 pictures hold 4 crops of 32x40; 2 sets of one picture, 2 upsamplers.
    counts = frame.groupby(["method", "protocol"]).size().to_dict()
    runs_and_epochs = 4
    assert counts == {
        ("bicubic", "whole"): 16,
        ("bicubic", "region"): 8,
        ("bicubic", "luma"): 2,
        ("direct", "compound"): 16,
        ("srcnn", "whole"): 16 * runs_and_epochs,
        ("srcnn", "region"): 8 * runs_and_epochs,
        ("srcnn", "compound"): 16 * runs_and_epochs,
        ("srcnn", "luma"): 2 * runs_and_epochs,
    }
    assert frame.loc[frame["method"] != "srcnn", ["run_id", "epoch"]].isna().all().all()
    assert frame[["psnr", "ssim", "rmse", "sre", "sam", "cos"]].notna().all().all()


def test_a_region_score_can_be_had_again_from_the_files(finished):
    frame = analysis.load(finished.folder)
    row = frame[(frame["protocol"] == "region") & (frame["method"] == "srcnn") & (frame["image"] == "photo4")].iloc[0]
    restored = finished.run(row["run_id"]).rendered_epoch("eval", int(row["epoch"])) / "evals" / "photo4.png"
    box = (slice(row["y"], row["y"] + row["height"]), slice(row["x"], row["x"] + row["width"]))
    difference = photograph(4)[box].astype(float) - opened(restored)[box]
    assert row["psnr"] == pytest.approx(10 * np.log10(255**2 / np.mean(difference**2)))


def test_submitting_again_finds_everything_done(finished, capsys):
    before = files_below(finished.folder)
    assert main([str(finished.folder), "--executor", "debug"]) == 0
    assert "Everything is done." in capsys.readouterr().out
    changed = {name for name, stamp in files_below(finished.folder).items() if before.get(name) != stamp}
    assert changed <= {"study.yaml", *(name for name in before if name.endswith("config.yaml"))}


def test_a_dry_run_starts_nothing_and_shows_the_plan(finished, capsys):
    before = files_below(finished.folder)
    assert main([str(finished.folder), "training.epochs=3", "--executor", "debug", "--dry-run"]) == 0
    assert files_below(finished.folder) == before
    out = capsys.readouterr().out.splitlines()
    train = next(line for line in out if line.startswith("train"))
    assert train.split()[1:4] == ["2", "0", "2"]  # tasks, done, to do
    assert train.split()[-1] == "prepare"


def test_a_lost_shard_alone_is_scored_again(finished):
    planned = plan_of(finished).runs[0]
    shard = finished.shard(planned.run_id, planned.eval_id, 1, 0)
    content = pq.read_table(shard)
    shard.unlink()
    assert remade(finished) == {str(shard.relative_to(finished.folder.parent))}
    assert pq.read_table(shard).equals(content)


def test_scoring_needs_no_torch(finished, tmp_path):
    import pickle
    import subprocess
    import sys

    evaluate = plan_of(finished).stage("evaluate")[0].job
    shard = evaluate.shard(1)
    content = pq.read_table(shard)
    shard.unlink()
    (tmp_path / "job.pkl").write_bytes(pickle.dumps(evaluate))
    program = (
        "import pickle, sys\n"
        "sys.modules['torch'] = None  # importing it now fails\n"
        "pickle.load(open(sys.argv[1], 'rb'))()\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", program, str(tmp_path / "job.pkl")]
    subprocess.run(command, cwd=REPOSITORY, check=True)
    assert pq.read_table(shard).equals(content)


def test_a_lost_rendered_epoch_is_restored_and_scored_again_and_nothing_else(finished):
    planned = plan_of(finished).runs[1]
    folder = finished.run(planned.run_id).rendered_epoch("eval", 2)
    before = {f.name: f.read_bytes() for f in (folder / "evals").iterdir()}
    for file in sorted(folder.rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    folder.rmdir()
    names = remade(finished)
    assert all("epoch_0002" in name or "-0002-" in name for name in names)
    assert all(planned.run_id in name for name in names)
    assert any(name.endswith(".parquet") for name in names)
    assert {f.name: f.read_bytes() for f in (folder / "evals").iterdir()} == before


def test_a_lost_checkpoint_is_trained_again_to_the_same_weights_with_what_came_of_it(finished):
    import torch

    planned = plan_of(finished).runs[0]
    run = finished.run(planned.run_id)
    before = torch.load(run.checkpoint(1), weights_only=True)["model"]
    run.checkpoint(1).unlink()
    names = remade(finished)
    after = torch.load(run.checkpoint(1), weights_only=True)["model"]
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not any("epoch_0002" in name or "-0002-" in name for name in names)
    assert any("epoch_0001.pt" in name for name in names)
    assert any("epoch_0001/evals/photo4.png" in name for name in names)
    assert any("-0001-" in name for name in names)


@pytest.mark.parametrize("name", ["best", "last", "history"])
def test_a_lost_training_file_is_made_again_without_touching_pictures_or_scores(finished, name):
    planned = plan_of(finished).runs[0]
    path = getattr(finished.run(planned.run_id), name)
    path.unlink()
    names = remade(finished)
    assert path.exists()
    assert not any(n.endswith((".png", ".parquet")) or "epoch_000" in n for n in names)


def test_training_patches_are_not_made_again_for_runs_that_are_trained(finished):
    plan = plan_of(finished)
    (prepare,) = plan.stage("prepare")
    patches = RootPaths(finished.folder.parent).patches(prepare.name)
    moved = patches.rename(patches.with_suffix(".moved"))
    try:
        assert plan.missing() == []
    finally:
        moved.rename(patches)


def test_a_new_protocol_or_metric_retrains_nothing_and_computes_only_what_is_new(finished, monkeypatch):
    study, _ = load_study(str(finished.folder), ["evaluate.upsamplers=[nearest, bicubic, lanczos]"])
    plan = make_plan(study, RootPaths(finished.folder.parent))
    assert stale_results(plan.tasks) == []
    missing = plan.missing()
    assert {task.stage for task in missing} == {"baseline", "evaluate", "report"}
    computed = []
    real = Reference.score
    monkeypatch.setattr("jobs.scoring.warm_up", lambda *a: None)  # it scores, too
    monkeypatch.setattr(Reference, "score", lambda *a, **k: computed.append(1) or real(*a, **k))
    evaluate = plan.stage("evaluate")[0].job
    evaluate()
    # Per epoch and picture: 4 crops enlarged by lanczos, in two protocols.
    assert len(computed) == 2 * 2 * 4 * 2
    fresh = pq.read_table(evaluate.shard(1)).to_pandas()
    assert set(fresh["upsampler"].dropna()) == {"nearest", "bicubic", "lanczos"}
    assert fresh["psnr"].notna().all()


def test_cluster_settings_change_no_id_and_leave_everything_done(finished):
    study, _ = load_study(str(finished.folder), ["cluster.train.mem_gb=64", "cluster.partition=gpu"])
    missing = make_plan(study, RootPaths(finished.folder.parent)).missing()
    assert {task.stage for task in missing} <= {"report"}  # which shows what the test before this one scored


def test_two_sweeps_in_one_root_keep_each_others_runs(finished):
    before = {name for name in files_below(finished.folder) if name.startswith(("runs/", "scores/"))}
    study, _ = load_study(str(finished.folder), ["sweep.grid.seed=[1, 5]"])
    plan = make_plan(study, RootPaths(finished.folder.parent))
    todo = {task.label for task in plan.missing() if task.stage == "train"}
    assert todo == {"seed=5"}
    assert before <= set(files_below(finished.folder))
