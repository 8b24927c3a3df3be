"""Whatever the cluster does to a job, the study ends with the results of an undisturbed run."""

import contextlib
import os
import signal
from pathlib import Path

import pytest

from jobs.processes import born, started_with
from runner.executors.slurm.requeue import KILLS, VARIABLE
from runner.submit import main

from .studies import LITTLE, Submitted, halting_study, kill, results, training_study


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """What the study finds when nothing happens to it, on one core of this machine."""
    folder = tmp_path_factory.mktemp("undisturbed")
    file = training_study(folder)
    before = os.environ.get("RUNNER_CPUS")
    os.environ["RUNNER_CPUS"] = "1"
    try:
        assert main([str(file), "--executor", "debug", "--root", str(folder / "results")]) == 0
    finally:
        os.environ.pop("RUNNER_CPUS") if before is None else os.environ.update(RUNNER_CPUS=before)
    return results(folder / "results" / "tiny")


def ends_as_undisturbed(study, undisturbed):
    study.wait_until_done()
    found = results(study.folder)
    assert found.keys() == undisturbed.keys()
    assert all(found[name] == undisturbed[name] for name in undisturbed)


def test_an_undisturbed_run_on_the_cluster_finds_the_same(slurm, tmp_path, undisturbed):
    study = Submitted(slurm, training_study(tmp_path))
    ends_as_undisturbed(study, undisturbed)
    assert [a["outcome"] for a in study.attempts()] == ["done"]


def test_a_task_that_is_killed_goes_back_into_the_queue(slurm, tmp_path, undisturbed):
    study = Submitted(slurm, training_study(tmp_path))
    kill(study.wait_for_epoch(30))
    ends_as_undisturbed(study, undisturbed)
    assert [a["outcome"] for a in study.attempts()] == ["running", "done"]  # the first left no word


def test_a_task_that_nobody_watches_any_more_is_ended_and_runs_again(slurm, tmp_path, undisturbed):
    """Its slurmstepd is killed: srun then reports success, while the task goes on."""
    study = Submitted(slurm, training_study(tmp_path))
    first = study.wait_for_epoch(30)
    os.kill(first["pid"], signal.SIGSTOP)  # it shall not finish meanwhile
    os.kill(watcher(first["pid"]), signal.SIGKILL)
    second = study.wait_for_epoch(1, attempt=2)
    assert second["done"] >= 30
    assert born(first["pid"]) is None
    ends_as_undisturbed(study, undisturbed)
    assert [a["outcome"] for a in study.attempts()] == ["running", "done"]


def test_nothing_follows_a_task_that_nobody_watched_for_the_last_time_that_is_forgiven(slurm, tmp_path):
    study = Submitted(slurm, training_study(tmp_path))
    first = study.wait_for_epoch(1)
    os.kill(first["pid"], signal.SIGSTOP)
    Path(first["log"].replace("_0_log.out", ".kills")).write_text("0\n" * KILLS)
    os.kill(watcher(first["pid"]), signal.SIGKILL)
    slurm.wait_idle()
    assert born(first["pid"]) is None
    states = {task["stage"]: (task["state"], task["cause"]) for task in study.status()["tasks"]}
    assert states["train"] == ("failed", "killed")
    assert states["render"] == states["evaluate"] == ("failed", "dependency")


def watcher(pid):
    """The slurmstepd that started a task."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    (parent,) = (int(line.split()[1]) for line in status if line.startswith("PPid"))
    assert Path(f"/proc/{parent}/comm").read_text() == "slurmstepd\n"
    return parent


@pytest.mark.parametrize("warned", ["by a preemption", "by hand"])
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
    train = {"gpus": 0, "partition": "low", "setup": [f"export PYTHONPATH={slow}"]}
    study = Submitted(slurm, training_study(tmp_path, epochs=3, cluster={"train": train}))
    file = tmp_path / "pid"
    pid = int(slurm.wait_for(lambda: file.exists() and file.read_text(), "a Python that imports", 90))
    if warned == "by hand":
        job = environment_of(pid)["SLURM_JOB_ID"]
        slurm.run("scancel", "--signal=USR2", f"{job}.0", check=True)
    else:
        blocker = ["--partition=cpu", "--nodes=2", "--exclusive", "--output=/dev/null", "--wrap=sleep 3"]
        slurm.run("sbatch", *blocker, check=True)
    slurm.wait_for(lambda: is_warned(pid), "the warning")
    (tmp_path / "go").touch()
    slurm.wait_for(lambda: [a for a in study.attempts() if a["end"]], "the training", 180)
    assert [a["outcome"] for a in study.attempts()] == ["done"]
    assert "Caught signal SIGUSR2" in Path(study.attempts()[0]["log"]).read_text()


def environment_of(pid):
    """What a process was started with."""
    settings = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(setting.split("=", 1) for setting in settings if setting)


def test_every_element_of_an_array_that_is_killed_goes_back_by_itself(slurm, tmp_path):
    # One element bears the number of its array, by which the whole array could be meant.
    study = Submitted(slurm, training_study(tmp_path, sweep={"grid": {"seed": [1, 2, 3]}}))

    def all_train():
        return len([a for a in study.attempts() if a["done"] >= 10 and a["outcome"] == "running"]) == 3

    slurm.wait_for(all_train, "three trainings", 300)
    for record in study.attempts():
        kill(record)
    study.wait_until_done()
    assert sorted(a["outcome"] for a in study.attempts()) == ["done"] * 3 + ["running"] * 3


def test_a_task_that_is_killed_again_and_again_is_given_up_and_a_new_submission_finishes_it(
    slurm, tmp_path, undisturbed
):
    study = Submitted(slurm, training_study(tmp_path))
    for attempt in range(1, KILLS + 2):
        kill(study.wait_for_epoch(10 * attempt, attempt))
    slurm.wait_idle()
    (train,) = study.tasks("train")
    assert (train["state"], train["cause"], train["attempts"]) == ("failed", "killed", KILLS + 1)
    study.submit(str(study.folder))
    ends_as_undisturbed(study, undisturbed)


def test_scontrol_requeue_starts_the_job_again_from_its_last_epoch(slurm, tmp_path, undisturbed):
    study = Submitted(slurm, training_study(tmp_path))
    slurm.run("scontrol", "requeue", study.wait_for_epoch(30)["job"], check=True)
    second = study.wait_for_epoch(1, attempt=2)
    assert second["done"] >= 30
    ends_as_undisturbed(study, undisturbed)


def test_a_job_that_reaches_its_time_limit_is_put_back_and_goes_on(slurm, tmp_path, undisturbed):
    # The warning comes some 15 to 45 s into the minute.
    study = Submitted(slurm, training_study(tmp_path, cluster={"train": {"gpus": 0, "timeout_min": 1}}))
    record = study.wait_for_epoch(20)
    hold_until_warned(record["pid"], slurm)
    ends_as_undisturbed(study, undisturbed)
    first, *_, last = study.attempts()
    assert (first["outcome"], first["cause"]) == ("interrupted", "SystemExit")
    assert last["outcome"] == "done"
    assert "Calling checkpoint method" in Path(first["log"]).read_text()


def hold_until_warned(pid, slurm):
    """Stop a training, which takes a minute that way, until SLURM warns it (which may wake it) of its time limit."""
    os.kill(pid, signal.SIGSTOP)
    slurm.wait_for(lambda: is_warned(pid) or born(pid) is None, "the warning before the time limit", 75)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def is_warned(pid):
    """Whether SIGUSR2 waits for a process that is stopped."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except FileNotFoundError:
        return False
    pending = [int(line.split()[1], 16) for line in lines if line.startswith(("SigPnd", "ShdPnd"))]
    return any(bits >> (signal.SIGUSR2 - 1) & 1 for bits in pending)


def test_a_preempted_job_is_put_back_and_goes_on(slurm, tmp_path, undisturbed):
    study = Submitted(slurm, training_study(tmp_path, cluster={"train": {"gpus": 0, "partition": "low"}}))
    study.wait_for_epoch(30)
    # Jobs of the higher partition take both nodes for a moment.
    slurm.run(
        "sbatch", "--partition=cpu", "--nodes=2", "--exclusive", "--output=/dev/null", "--wrap=sleep 3", check=True
    )
    study.wait_for_epoch(1, attempt=2)
    ends_as_undisturbed(study, undisturbed)


def test_the_jobs_of_a_node_that_fails_go_on_elsewhere(slurm, tmp_path, undisturbed):
    study = Submitted(slurm, training_study(tmp_path))
    node = node_of(slurm, study.wait_for_epoch(30)["job"])
    slurm.call("kill-node", node)
    second = study.wait_for_epoch(1, attempt=2)
    assert node_of(slurm, second["job"]) != node
    ends_as_undisturbed(study, undisturbed)


def node_of(slurm, job):
    return slurm.run("squeue", "--noheader", f"--jobs={job}", "--format=%N", check=True).stdout.strip()


def test_two_copies_of_one_task_in_one_folder_do_no_harm(slurm, tmp_path, undisturbed):
    """A node is lost to the controller for a while and its task lives on, while SLURM starts the job elsewhere."""
    study = Submitted(slurm, training_study(tmp_path))
    first = study.wait_for_epoch(10)
    there = started_with(f"{VARIABLE}={environment_of(first['pid'])[VARIABLE]}", "")
    assert first["pid"] in there
    try:
        for pid in there:  # also srun, which would end the task as soon as it hears of the lost node
            os.kill(pid, signal.SIGSTOP)
        slurm.call("lose-slurmd", node_of(slurm, first["job"]))
        study.wait_for_epoch(20, attempt=2)
        os.kill(first["pid"], signal.SIGCONT)  # both write now
        ends_as_undisturbed(study, undisturbed)
    finally:
        for pid in there:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def test_a_restart_of_the_controller_disturbs_nothing(slurm, tmp_path, undisturbed):
    study = Submitted(slurm, training_study(tmp_path))
    study.wait_for_epoch(30)
    slurm.call("restart-controller")
    ends_as_undisturbed(study, undisturbed)
    assert [a["outcome"] for a in study.attempts()] == ["done"]


def test_without_accounting_studies_run_and_status_says_what_it_cannot_know(slurm, tmp_path, undisturbed):
    slurm.call("stop-accounting")
    study = Submitted(slurm, training_study(tmp_path))
    study.wait_for_epoch(10)
    status = study.status()
    assert any("no accounting" in note for note in status["notes"])
    assert [task["state"] for task in status["tasks"] if task["stage"] == "train"] == ["running"]
    ends_as_undisturbed(study, undisturbed)


def test_a_task_that_fails_for_its_own_reasons_is_tried_once(slurm, tmp_path):
    file = training_study(tmp_path, epochs=3, sweep={"grid": {"training.learning_rate": [0.002, 1e30]}})
    study = Submitted(slurm, file)
    slurm.wait_idle(120)
    good, bad = study.tasks("train")
    assert good["state"] == "done"
    assert (bad["state"], bad["cause"], bad["attempts"]) == ("failed", "exception", 1)
    assert bad["detail"].startswith("TrainingDiverged: training diverged")
    states = {(task["stage"], task["label"]): (task["state"], task["cause"]) for task in study.status()["tasks"]}
    assert states["render", bad["label"]] == ("failed", "dependency")
    assert states["evaluate", bad["label"]] == ("failed", "dependency")
    assert states["evaluate", good["label"]] == ("done", None)
    assert states["report", ""] == ("done", None)


def test_a_task_that_slurm_starts_too_often_is_given_up(slurm, tmp_path):
    study = Submitted(slurm, halting_study(tmp_path, cluster={**LITTLE, "requeues": 1}))
    for attempt in (1, 2):
        slurm.run("scontrol", "requeue", study.wait_until_halted(attempt)["job"], check=True)
    slurm.wait_idle(120)
    (train,) = study.tasks("train")
    assert (train["state"], train["cause"]) == ("failed", "started too often")
    assert "cluster.requeues=1" in train["detail"]


def test_a_task_that_needs_more_memory_says_so_and_ends_well_with_more(slurm, tmp_path, undisturbed):
    study = Submitted(slurm, training_study(tmp_path, cluster={"train": {"gpus": 0, "mem_gb": 0.1}}))
    slurm.wait_idle(120)
    (train,) = study.tasks("train")
    assert (train["state"], train["cause"]) == ("failed", "out of memory")
    text = study.command("status", str(study.folder)).stdout
    assert "--only failed --mem-gb GB" in text
    study.submit(str(study.folder), "--only", "failed", "--mem-gb", "0.9")
    ends_as_undisturbed(study, undisturbed)
