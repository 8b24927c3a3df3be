"""Whatever the cluster does to a job, it is put back into the queue, or it is said why not.

What studies find where that happens is compared in test_results.py.
"""

import signal
from pathlib import Path

import pytest

from jobs.processes import born
from runner.executors.slurm.requeue import KILLS

from .faults import environment_of, kill, leave_unwatched, node_of, preempt
from .studies import Submitted, hold, let_go, stub_study


def test_nothing_follows_a_task_that_nobody_watched_for_the_last_time_that_is_forgiven(slurm, tmp_path):
    study = Submitted(slurm, hold(stub_study(tmp_path)))
    first = study.wait_for_epoch(1)
    Path(first["log"].replace("_0_log.out", ".kills")).write_text("0\n" * KILLS)
    leave_unwatched(first["pid"])
    study.wait_until_ended()
    assert born(first["pid"]) is None
    states = {task["stage"]: (task["state"], task["cause"]) for task in study.status()["tasks"]}
    assert states["train"] == ("failed", "killed")
    assert states["render"] == states["evaluate"] == ("failed", "dependency")


@pytest.mark.parametrize("warned", ["by a preemption", "by hand"])
@pytest.mark.usefixtures("training_alone")
def test_a_task_that_is_warned_while_python_still_imports_runs_again(slurm, tmp_path, warned):
    """Its Python starts slowly, until a file says that it may go on."""
    slow = tmp_path / "slow"
    slow.mkdir()
    (slow / "sitecustomize.py").write_text(
        "import os, pathlib, time\n"
        "if 'SLURM_STEP_ID' in os.environ and os.environ['SLURM_JOB_NAME'].endswith('-train'):\n"
        f"    pathlib.Path({str(tmp_path)!r}, 'pid').write_text(str(os.getpid()))\n"
        f"    while not pathlib.Path({str(tmp_path)!r}, 'go').exists():\n"
        "        time.sleep(0.05)\n"
    )
    setup = [f'export PYTHONPATH={slow}"${{PYTHONPATH:+:$PYTHONPATH}}"']
    study = Submitted(slurm, stub_study(tmp_path, cluster={"train": {"gpus": 0, "partition": "low", "setup": setup}}))
    file = tmp_path / "pid"
    pid = int(slurm.wait_for(lambda: file.exists() and file.read_text(), "a Python that imports", 90))
    if warned == "by hand":
        job = environment_of(pid)["SLURM_JOB_ID"]
        slurm.run("scancel", "--signal=USR2", f"{job}.0", check=True)
    else:
        preempt(slurm)
    slurm.wait_for(lambda: is_warned(pid), "the warning")
    (tmp_path / "go").touch()
    study.wait_until_done()
    assert [a["outcome"] for a in study.attempts()] == ["done"]
    assert "Caught signal SIGUSR2" in Path(study.attempts()[0]["log"]).read_text()


def is_warned(pid):
    """Whether SIGUSR2 waits for a process that does not take it yet."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except FileNotFoundError:
        return False
    pending = [int(line.split()[1], 16) for line in lines if line.startswith(("SigPnd", "ShdPnd"))]
    return any(bits >> (signal.SIGUSR2 - 1) & 1 for bits in pending)


@pytest.mark.usefixtures("training_alone")
def test_every_element_of_an_array_that_is_killed_goes_back_by_itself(slurm, tmp_path):
    # One element bears the number of its array, by which the whole array could be meant.
    study = Submitted(slurm, hold(stub_study(tmp_path, sweep={"grid": {"seed": [1, 2, 3]}})))
    for label in ("seed=1", "seed=2", "seed=3"):
        study.wait_for_epoch(1, label=label)
    for record in study.attempts():
        kill(record)
    let_go(study.file)
    study.wait_until_done()
    assert sorted((a["outcome"], a["first"]) for a in study.attempts()) == [("done", 1)] * 3 + [("running", 0)] * 3


@pytest.mark.usefixtures("training_alone")
def test_a_task_that_is_killed_again_and_again_is_given_up_and_a_new_submission_finishes_it(slurm, tmp_path):
    study = Submitted(slurm, hold(stub_study(tmp_path)))
    record = study.wait_for_epoch(1)
    # All but the last time that is forgiven is on record already.
    Path(record["log"].replace("_0_log.out", ".kills")).write_text("0\n" * (KILLS - 1))
    for attempt in (1, 2):
        kill(study.wait_for_epoch(1, attempt))
    study.wait_until_ended()
    (train,) = study.tasks("train")
    assert (train["state"], train["cause"], train["attempts"]) == ("failed", "killed", 2)
    let_go(study.file)
    study.submit(str(study.folder))
    study.wait_until_done()


@pytest.mark.usefixtures("training_alone")
def test_a_restart_of_the_controller_disturbs_nothing(slurm, tmp_path):
    study = Submitted(slurm, hold(stub_study(tmp_path)))
    study.wait_for_epoch(1)
    slurm.call("restart-controller")
    let_go(study.file)
    study.wait_until_done()
    assert [a["outcome"] for a in study.attempts()] == ["done"]


@pytest.mark.usefixtures("training_alone")
def test_the_jobs_of_a_node_that_fails_go_on_elsewhere(slurm, tmp_path):
    study = Submitted(slurm, hold(stub_study(tmp_path)))
    node = node_of(slurm, study.wait_for_epoch(1)["job"])
    slurm.call("kill-node", node)
    second = study.wait_for_epoch(1, attempt=2)
    assert node_of(slurm, second["job"]) != node
    let_go(study.file)
    study.wait_until_done()


def test_without_accounting_studies_run_and_status_says_what_it_cannot_know(slurm, tmp_path):
    slurm.call("stop-accounting")
    study = Submitted(slurm, hold(stub_study(tmp_path)))
    study.wait_for_epoch(1)
    status = study.status()
    assert any("no accounting" in note for note in status["notes"])
    assert [task["state"] for task in status["tasks"] if task["stage"] == "train"] == ["running"]
    let_go(study.file)
    study.wait_until_done()


def test_a_task_that_fails_for_its_own_reasons_is_tried_once(slurm, tmp_path):
    study = Submitted(slurm, stub_study(tmp_path, sweep={"grid": {"training.learning_rate": [0.002, 1e30]}}))
    study.wait_until_ended()
    good, bad = study.tasks("train")
    assert good["state"] == "done"
    assert (bad["state"], bad["cause"], bad["attempts"]) == ("failed", "exception", 1)
    assert bad["detail"].startswith("Diverged: training diverged")
    states = {(task["stage"], task["label"]): (task["state"], task["cause"]) for task in study.status()["tasks"]}
    assert states["render", bad["label"]] == ("failed", "dependency")
    assert states["evaluate", bad["label"]] == ("failed", "dependency")
    assert states["evaluate", good["label"]] == ("done", None)
    assert states["report", ""] == ("done", None)


@pytest.mark.usefixtures("training_alone")
def test_a_task_that_slurm_starts_too_often_is_given_up(slurm, tmp_path):
    study = Submitted(slurm, hold(stub_study(tmp_path, cluster={"requeues": 1})))
    for attempt in (1, 2):
        slurm.run("scontrol", "requeue", study.wait_for_epoch(1, attempt)["job"], check=True)
    study.wait_until_ended()
    (train,) = study.tasks("train")
    assert (train["state"], train["cause"]) == ("failed", "started too often")
    assert "cluster.requeues=1" in train["detail"]


@pytest.mark.usefixtures("training_alone")
def test_a_task_that_needs_more_memory_says_so_and_ends_well_with_more(slurm, tmp_path):
    (tmp_path / "hoard").write_text("300")
    study = Submitted(slurm, hold(stub_study(tmp_path, cluster={"train": {"gpus": 0, "mem_gb": 0.1}})))
    study.wait_until_ended()
    (train,) = study.tasks("train")
    assert (train["state"], train["cause"]) == ("failed", "out of memory")
    text = study.command("status", str(study.folder)).stdout
    assert "--only failed --mem-gb GB" in text
    let_go(study.file)
    study.submit(str(study.folder), "--only", "failed", "--mem-gb", "0.9")
    study.wait_until_done()
