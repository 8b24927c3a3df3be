"""What happened to a job is told apart, on a real scheduler, where nothing puts the job back."""

import subprocess
import sys

from conftest import REPOSITORY

from .faults import node_of, preempt
from .studies import Submitted, hold, let_go, stub_study


def never_put_back(slurm, folder, **train):
    """A study whose jobs SLURM may not start again, once it trains."""
    cluster = {"requeues": 0, "train": {"gpus": 0, **train}}
    study = Submitted(slurm, hold(stub_study(folder, cluster=cluster)))
    return study, study.wait_for_epoch(1)


def failure(study):
    """The training's state, once nothing of the study is left in the queue."""
    status = study.wait_until_ended(150)
    (train,) = [task for task in status["tasks"] if task["stage"] == "train"]
    (render,) = [task for task in status["tasks"] if task["stage"] == "render"]
    assert (train["state"], render["state"]) == ("failed", "failed")
    if render["cause"] == "dependency":
        assert render["detail"] == f"needs train {train['name']}, which did not finish"
    else:  # accounting does not always keep the reason; where the training was cancelled, this may have been too
        assert train["cause"] == render["cause"] == "cancelled"
    text = study.command("status", str(study.folder))
    assert text.returncode == 1
    assert f"failed: train: train tiny: {train['cause']}" in text.stdout
    assert f"python -m runner.submit {study.folder}" in text.stdout
    return train["cause"]


def test_a_node_failure(slurm, tmp_path):
    study, record = never_put_back(slurm, tmp_path)
    slurm.call("kill-node", node_of(slurm, record["job"]))
    assert failure(study) == "node failure"


def test_a_preemption(slurm, tmp_path):
    study, _ = never_put_back(slurm, tmp_path, partition="lowcancel")
    preempt(slurm)
    assert failure(study) == "preempted"


def test_a_cancellation(slurm, tmp_path):
    study, record = never_put_back(slurm, tmp_path)
    slurm.run("scancel", record["job"], check=True)
    assert failure(study) == "cancelled"


def test_what_runs_and_what_waits_says_how_far_it_is_and_for_what(slurm, tmp_path):
    cluster = {"train": {"gpus": 0, "parallelism": 1}}
    study = Submitted(slurm, hold(stub_study(tmp_path, sweep={"grid": {"seed": [1, 2]}}, cluster=cluster), after=3))
    slurm.wait_for(lambda: [each for each in study.attempts() if each["done"] == 3], "the third epoch")
    tasks = {(task["stage"], task["label"]): task for task in study.status()["tasks"]}
    running = tasks["train", "seed=1"]
    assert running["state"] == "running"
    assert (running["done"], running["total"]) == (3, 5)
    assert running["seconds_left"] > 0
    assert running["host"]
    waiting = tasks["train", "seed=2"]
    assert waiting["state"] == "waiting"
    assert waiting["detail"] in ("its turn", "others of its array (the parallelism cap)")
    assert (tasks["render", "seed=1"]["state"], tasks["render", "seed=1"]["detail"]) == ("waiting", "train")
    text = study.command("status", str(study.folder))
    assert text.returncode == 3
    assert "train seed=1: epoch " in text.stdout


def test_watching_ends_with_the_study(slurm, tmp_path):
    study = Submitted(slurm, hold(stub_study(tmp_path)))
    study.wait_for_epoch(1)
    command = [sys.executable, "-m", "runner.status", str(study.folder), "--watch"]
    with subprocess.Popen(command, cwd=REPOSITORY, env=slurm.env, stdout=subprocess.PIPE, text=True) as watching:
        seen = watching.stdout.readline()
        assert "waiting" in watching.stdout.readline()
        let_go(study.file)
        seen += watching.stdout.read()
    assert watching.returncode == 0, seen
    assert study.status()["counts"]["done"] == 4
