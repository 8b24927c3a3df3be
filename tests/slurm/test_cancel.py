"""On SLURM: cancelling takes what it should and nothing else, and a log is followed to its end."""

import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from conftest import REPOSITORY, tiny_study

from jobs.attempt import last_attempt
from srcnn.paths import StudyPaths

from .cluster import Cluster

RESOURCES = {"cpus": 1, "mem_gb": 1.2, "timeout_min": 10, "gpus": 0, "partition": "cpu"}


def submit(slurm: Cluster, folder: Path, epochs: int, name: str = "tiny", **changes: object) -> StudyPaths:
    """A submitted study whose training takes a while."""
    training = {"epochs": epochs, "batch_size": 8, "monitor_pictures": 0}
    file = tiny_study(folder, training=training, render={"epochs": [epochs]}, cluster=RESOURCES, **changes)
    file = file.rename(file.with_name(f"{name}.yaml"))
    runner(slurm, "submit", file, "--executor", "slurm", "--root", folder / "results")
    return StudyPaths(folder / "results" / name)


def runner(slurm: Cluster, module: str, *arguments: object, status: int = 0) -> str:
    """What one of the commands printed, which must have this exit status."""
    done = subprocess.run(
        [sys.executable, "-m", f"runner.{module}", *map(str, arguments)],
        cwd=REPOSITORY,
        env=slurm.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def queue(slurm: Cluster) -> Counter[str]:
    """How many jobs of each name wait or run."""
    return Counter(slurm.run("squeue", "-h", "--array", "-o", "%j", check=True).stdout.split())


def states(slurm: Cluster, paths: StudyPaths) -> dict[str, set[tuple[str, str | None]]]:
    """State and cause of each stage's tasks."""
    import json

    found: dict[str, set[tuple[str, str | None]]] = {}
    done = slurm.run(sys.executable, "-m", "runner.status", str(paths.folder), "--json")
    for task in json.loads(done.stdout)["tasks"]:
        found.setdefault(task["stage"], set()).add((task["state"], task["cause"]))
    return found


def wait_for_training(slurm: Cluster, paths: StudyPaths, runs: int = 1) -> None:
    slurm.wait_for(lambda: len(list(paths.folder.glob("runs/*/history.jsonl"))) >= runs, "the first epochs", 300)


def test_a_cancelled_study_leaves_nothing_in_the_queue(slurm, tmp_path):
    paths = submit(slurm, tmp_path, 2000, sweep={"grid": {"seed": [1, 2]}})
    wait_for_training(slurm, paths, 2)
    assert set(queue(slurm)) == {"tiny-train", "tiny-render", "tiny-evaluate", "tiny-report"}
    number = queue(slurm).total()
    out = runner(slurm, "cancel", paths.folder)
    assert out.startswith(
        f"cancelled {number} jobs: train 2, render 2, evaluate {number - 5}, report 1; what was done "
    )
    assert out.endswith(f"; python -m runner.submit {paths.folder} goes on\n")
    assert not queue(slurm)
    found = states(slurm, paths)
    assert found["prepare"] == {("done", None)}
    assert found["train"] == {("failed", "cancelled")}
    assert {state for stage in ("render", "evaluate", "report") for state, _ in found[stage]} <= {"failed", "missing"}
    assert runner(slurm, "cancel", paths.folder) == "Nothing of tiny is queued or runs.\n"


def test_jobs_of_an_earlier_submission_are_found_too(slurm, tmp_path):
    """The study was changed and submitted again: its first run is no longer part of it, and still trains."""
    paths = submit(slurm, tmp_path, 2000)
    wait_for_training(slurm, paths)
    again = ["seed=5", "--executor", "slurm", "--root", tmp_path / "results"]
    runner(slurm, "submit", tmp_path / "tiny.yaml", *again)
    assert len(list(paths.submissions.iterdir())) == 2
    assert queue(slurm)["tiny-train"] == 2
    assert ": train 2, render 2, " in runner(slurm, "cancel", paths.folder)
    assert not queue(slurm)


def test_a_cancelled_stage_takes_what_needs_it_and_no_other_study(slurm, tmp_path):
    other = submit(slurm, tmp_path, 2000, name="other")
    paths = submit(slurm, tmp_path, 2001)
    wait_for_training(slurm, paths)
    wait_for_training(slurm, other)
    before = queue(slurm)
    out = runner(slurm, "cancel", paths.folder, "--stage", "train")
    assert out.startswith("cancelled ")
    assert "train 1, render 1, evaluate " in out
    assert "report" not in out.partition(";")[0]
    after = queue(slurm)
    assert {name for name in after if name.startswith("tiny-")} <= {"tiny-report"}  # it tells of what is there
    assert {name: n for name, n in after.items() if name.startswith("other-")} == {
        name: n for name, n in before.items() if name.startswith("other-")
    }
    assert states(slurm, paths)["train"] == {("failed", "cancelled")}


def test_a_cancelled_run_leaves_the_other_runs_alone(slurm, tmp_path):
    paths = submit(slurm, tmp_path, 2000, sweep={"grid": {"seed": [1, 2]}})
    wait_for_training(slurm, paths, 2)
    before = queue(slurm)
    out = runner(slurm, "cancel", paths.folder, "--run", "seed=2")
    assert "train 1, render 1, evaluate " in out
    after = queue(slurm)
    assert after["tiny-train"] == 1
    assert after["tiny-render"] == 1
    assert after["tiny-evaluate"] == before["tiny-evaluate"] // 2
    assert after["tiny-report"] == 1
    assert states(slurm, paths)["train"] == {("failed", "cancelled"), ("running", None)}


def test_a_copy_of_a_study_whose_jobs_run_has_none_of_them(slurm, tmp_path):
    paths = submit(slurm, tmp_path, 2000)
    wait_for_training(slurm, paths)
    before = queue(slurm)
    copy = StudyPaths(shutil.copytree(paths.folder, paths.folder.with_name("tried")))
    assert runner(slurm, "cancel", copy.folder) == "Nothing of tried is queued or runs.\n"
    assert queue(slurm) == before
    assert not {"running", "waiting"} & {state for stage in states(slurm, copy).values() for state, _ in stage}
    assert states(slurm, paths)["train"] == {("running", None)}


def test_a_job_of_another_submission_with_the_same_number_is_not_ours(slurm, tmp_path):
    """A cluster that was set up anew counts from 1 again: a number on record may be somebody else's."""
    from srcnn.files import read_json, write_json

    other = submit(slurm, tmp_path, 2000, name="other")
    number = next(array["job"] for array in _sent(other) if array["stage"] == "train")
    paths = submit(slurm, tmp_path, 2001)
    runner(slurm, "cancel", paths.folder)
    (record,) = paths.submissions.glob("*/jobs.json")
    value = read_json(record)
    next(array for array in value["arrays"] if array["stage"] == "train")["job"] = number
    write_json(record, value)
    before = queue(slurm)
    assert runner(slurm, "cancel", paths.folder) == "Nothing of tiny is queued or runs.\n"
    assert queue(slurm)["other-train"] == before["other-train"] == 1


def test_a_job_that_was_given_another_comment_is_still_the_studys(slurm, tmp_path):
    """A site's plugin may do so, and without accounting the queue alone tells of jobs."""
    slurm.call("stop-accounting")
    slurm.run("scontrol", "update", "nodename=node2,node3", "state=drain", "reason=later", check=True)
    paths = submit(slurm, tmp_path, 2000)
    number = queue(slurm).total()
    for array in _sent(paths):
        slurm.run("scontrol", "update", f"jobid={array['job']}", "comment=theirs", check=True)
    assert {state for of_stage in states(slurm, paths).values() for state, _ in of_stage} == {"waiting"}
    assert runner(slurm, "cancel", paths.folder).startswith(f"cancelled {number} jobs")
    assert not queue(slurm)


def _sent(paths: StudyPaths) -> list[dict]:
    from srcnn.files import read_json

    (record,) = paths.submissions.glob("*/jobs.json")
    return read_json(record)["arrays"]


def test_the_log_of_a_running_task_is_followed_to_its_end(slurm, tmp_path):
    paths = submit(slurm, tmp_path, 800)
    wait_for_training(slurm, paths)
    (attempts,) = paths.folder.glob("runs/*/attempts")
    run = attempts.parent.name
    out = runner(slurm, "logs", paths.folder, run, "--stage", "train", "--follow", "--lines", 0)
    heading, *lines, end = out.splitlines()
    log = last_attempt(attempts, "train", run).log
    assert heading == f"==> train tiny: attempt 1: {log} <=="
    assert end == "==> train tiny: done <=="
    assert lines == Path(log).read_text().splitlines()
    assert any(line.startswith(f"train {run}: 800/800") for line in lines)


def test_a_task_that_is_put_back_into_the_queue_is_followed_on(slurm, tmp_path):
    paths = submit(slurm, tmp_path, 1000)
    wait_for_training(slurm, paths)
    follow = [sys.executable, "-m", "runner.logs", str(paths.folder), "train", "--follow"]
    follower = subprocess.Popen(follow, cwd=REPOSITORY, env=slurm.env, stdout=subprocess.PIPE, text=True)
    try:
        heading = follower.stdout.readline()
        (job,) = [array["job"] for array in _sent(paths) if array["stage"] == "train"]
        slurm.run("scontrol", "requeue", job, check=True)
        out, _ = follower.communicate(timeout=150)
    finally:
        follower.kill()
        follower.communicate()
    assert follower.returncode == 0
    log = heading.removeprefix("==> train tiny: attempt 1: ")
    assert f"\n==> train tiny: attempt 2: {log}" in out
    assert ": 1000/1000 " in out.partition("attempt 2: ")[2]
    assert out.endswith("\n==> train tiny: done <==\n")
    shown = runner(slurm, "logs", paths.folder, "train")
    assert "==> train tiny: attempt 2 of 2 (the file holds 1 too): " in shown


def test_a_cancelled_task_ends_its_followers(slurm, tmp_path):
    paths = submit(slurm, tmp_path, 2000)
    wait_for_training(slurm, paths)
    follow = [sys.executable, "-m", "runner.logs", str(paths.folder), "--stage", "train", "--follow"]
    follower = subprocess.Popen(follow, cwd=REPOSITORY, env=slurm.env, stdout=subprocess.PIPE, text=True)
    try:
        assert follower.stdout.readline().startswith("==> train tiny: attempt 1: ")
        runner(slurm, "cancel", paths.folder)
        start = time.monotonic()
        out, _ = follower.communicate(timeout=30)
    finally:
        follower.kill()
        follower.communicate()
    assert follower.returncode == 0
    assert out.splitlines()[-1].startswith("==> train tiny: cancelled: ")
    assert time.monotonic() - start < 20


@pytest.mark.parametrize("arguments", [["--stage", "trian"], ["--run", "seed=3"]])
def test_an_unknown_part_cancels_nothing(slurm, tmp_path, arguments):
    paths = submit(slurm, tmp_path, 2000)
    runner(slurm, "cancel", paths.folder, *arguments, status=2)
    assert queue(slurm)["tiny-train"] == 1
