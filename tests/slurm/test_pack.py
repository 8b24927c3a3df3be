"""Runs that share a job: whatever befalls one of them, or their job, each is done once and the others go on."""

import math
import os
import signal
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import tiny_study

from jobs.processes import born

from .faults import kill, leave_unwatched, preempt
from .studies import LITTLE, Submitted, hold, let_go, results, stub_study, undisturbed
from .test_cancel import cancel, states

EPOCHS = 5
RUNS = 100 if os.environ.get("SRCNN_SLOW") else 24  # of the sweep that meets everything; eight share a job


def sweep(count: int) -> dict[str, object]:
    return {"grid": {"seed": list(range(1, count + 1))}}


def packed(pack: object, **more: object) -> dict[str, object]:
    return {"train": {"gpus": 0, "pack": pack, **more}}


def parent_of(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("PPid"))


def jobs_of(study: Submitted, stage: str = "train") -> set[str]:
    return {attempt["job"] for attempt in study.attempts(stage)}


def lives(attempt: dict[str, object]) -> bool:
    return born(attempt["pid"]) == attempt["born"]


def halted(slurm, study: Submitted, count: int, job: str = "", attempts: int = 0) -> list[dict[str, object]]:
    """The records of so many attempts that halt, of one job or of any."""

    def found() -> list[dict[str, object]] | None:
        halting = [a for a in study.attempts() if a["outcome"] == "running" and a["note"] == "halts"]
        running = [a for a in halting if a["job"].startswith(job) and lives(a)]
        return running if len(running) >= count and all(a["number"] > attempts for a in running) else None

    return slurm.wait_for(found, f"{count} trainings that halt {job}", 300, every=0.3)


def nothing_is_done_twice(study: Submitted) -> None:
    """Each attempt at a training begins where the one before it ended, and the last ends it."""
    by_run: dict[str, list[dict[str, object]]] = {}
    for attempt in study.attempts():
        by_run.setdefault(attempt["task"], []).append(attempt)
    for run, attempts in by_run.items():
        assert (study.folder / "runs" / run / "epochs.txt").read_text().split() == [str(e + 1) for e in range(EPOCHS)]
        assert [a["outcome"] for a in attempts].count("done") == 1, attempts
        assert attempts[-1]["outcome"] == "done"
        # A record is written once a second: a killed process may have made an epoch more than it told.
        assert all(before["done"] <= after["first"] for before, after in pairwise(attempts)), attempts


@pytest.mark.usefixtures("training_alone")
def test_a_sweep_is_done_by_few_jobs_whatever_befalls_them(slurm, tmp_path):
    cluster = packed(8, partition="low", mem_gb=0.5)
    study = Submitted(slurm, hold(stub_study(tmp_path, sweep=sweep(RUNS), cluster=cluster, epochs=EPOCHS)))
    jobs = math.ceil(RUNS / 8)
    assert f"train: {RUNS} tasks in {jobs} jobs, job " in study.out
    assert study.queued().count("train") == jobs
    running = halted(slurm, study, 16)
    first, second = sorted({a["job"] for a in running})
    victim = next(a for a in running if a["job"] == first)
    others = [a for a in running if a["job"] == first and a is not victim]

    kill(victim)  # one run
    again = study.wait_for_epoch(1, attempt=2, label=study.label(victim["task"]))
    assert again["job"] == first
    assert all(lives(other) for other in others)

    of_second = [a for a in running if a["job"] == second]
    os.kill(parent_of(of_second[0]["pid"]), signal.SIGKILL)  # what started them
    slurm.wait_for(lambda: not any(map(lives, of_second)), "the end of its tasks", 60)

    slurm.run("scontrol", "requeue", first, check=True)
    slurm.wait_for(lambda: not any(map(lives, others)), "the end of the tasks of a job that is put back", 60)

    halted(slurm, study, 16)  # of jobs that took their places
    preempt(slurm)
    slurm.wait_for(
        lambda: [a for a in study.attempts() if a["outcome"] == "interrupted"], "tasks that were warned", 120, every=0.3
    )
    let_go(study.file)
    study.wait_until_done(900)
    nothing_is_done_twice(study)
    numbers = {job.partition("_")[2] for job in jobs_of(study)}
    assert numbers == {str(number) for number in range(jobs)}
    logs = {a["task"]: {b["log"] for b in study.attempts() if b["task"] == a["task"]} for a in study.attempts()}
    assert all(len(of_run) == 1 for of_run in logs.values())
    assert len(set.union(*logs.values())) == RUNS


@pytest.mark.usefixtures("training_alone")
def test_a_supervisor_that_nobody_watches_is_ended_with_its_tasks_and_begins_again(slurm, tmp_path):
    study = Submitted(slurm, hold(stub_study(tmp_path, sweep=sweep(2), cluster=packed(2), epochs=EPOCHS)))
    running = halted(slurm, study, 2)
    leave_unwatched(parent_of(running[0]["pid"]))
    slurm.wait_for(lambda: not any(lives(a) for a in running), "the end of both", 60)
    halted(slurm, study, 2, attempts=1)
    let_go(study.file)
    study.wait_until_done()
    nothing_is_done_twice(study)


def test_a_run_that_fails_is_told_while_the_others_of_its_job_go_on_also_when_that_starts_again(slurm, tmp_path):
    cases = {"good": {}, "bad": {"training.learning_rate": 1e30}, "late": {}}
    grid = {name: {**case, "seed": seed} for seed, (name, case) in enumerate(cases.items())}
    study = Submitted(slurm, hold(stub_study(tmp_path, sweep={"cases": grid}, cluster=packed(3), epochs=EPOCHS)))
    running = halted(slurm, study, 2)
    failed = slurm.wait_for(lambda: [t for t in study.tasks("train") if t["state"] == "failed"], "a failure", 60)
    assert [(t["label"].split()[0], t["cause"]) for t in failed] == [("bad", "exception")]
    assert {t["state"] for t in study.tasks("train")} == {"failed", "running"}
    slurm.run("scontrol", "requeue", running[0]["job"], check=True)
    halted(slurm, study, 2, attempts=1)
    let_go(study.file)
    study.wait_until_ended()
    found = {
        (t["stage"], t["label"].split()[0]): (t["state"], t["cause"], t["attempts"])
        for t in study.status()["tasks"][:-1]
    }
    assert found["train", "bad"] == ("failed", "exception", 1)
    assert found["render", "bad"] == ("failed", "dependency", 0)
    assert found["evaluate", "bad"][:2] == ("failed", "dependency")
    assert {found[stage, run][0] for stage in ("train", "render", "evaluate") for run in ("good", "late")} == {"done"}
    log = study.command("logs", str(study.folder), "bad", "--stage", "train").stdout
    assert "Diverged" in log
    assert "halts" not in log


def test_one_run_of_a_job_is_cancelled_and_the_others_are_not(slurm, tmp_path):
    study = Submitted(slurm, hold(stub_study(tmp_path, sweep=sweep(3), cluster=packed(3), epochs=EPOCHS)))
    running = {study.label(a["task"]): a for a in halted(slurm, study, 3)}
    out = cancel(slurm, study.folder, "--run", "seed=2")
    assert out.startswith("cancelled 2 jobs: render 1, evaluate 1 and 1 task whose jobs go on with others: train 1; ")
    assert born(running["seed=2"]["pid"]) is None
    assert all(born(running[label]["pid"]) for label in ("seed=1", "seed=3"))
    assert states(study)["train"] == {("failed", "cancelled"), ("running", None)}
    let_go(study.file)
    status = study.wait_until_ended()
    train = {t["label"]: (t["state"], t["cause"]) for t in status["tasks"] if t["stage"] == "train"}
    assert train == {"seed=1": ("done", None), "seed=2": ("failed", "cancelled"), "seed=3": ("done", None)}
    study.submit(str(study.folder))
    study.wait_until_done()
    nothing_is_done_twice(study)
    assert len(jobs_of(study)) == 2


def test_all_runs_of_jobs_that_wait_and_run_are_cancelled_with_them(slurm, tmp_path):
    cluster = packed(2, parallelism=2)
    study = Submitted(slurm, hold(stub_study(tmp_path, sweep=sweep(4), cluster=cluster, epochs=EPOCHS)))
    running = halted(slurm, study, 2)
    waiting = {t["state"] for t in study.tasks("train")}
    assert waiting == {"running", "waiting"}
    # One that waits in a job which has not begun.
    assert "1 task whose jobs go on with others: train 1" in cancel(slurm, study.folder, "--run", "seed=4")
    assert ("failed", "cancelled") in states(study)["train"]
    out = cancel(slurm, study.folder)
    assert out.startswith("cancelled 10 tasks in 9 jobs: train 3, render 3, evaluate 3, report 1; ")
    assert not study.queued()
    assert not any(lives(a) for a in running)
    assert states(study)["train"] == {("failed", "cancelled")}


@pytest.mark.usefixtures("training_alone")
def test_auto_does_one_run_after_another_in_a_job_by_the_history_of_those_before(slurm, tmp_path):
    file = stub_study(tmp_path, sweep=sweep(2), cluster=packed("auto"), epochs=EPOCHS)
    study = Submitted(slurm, file)
    study.wait_until_done()
    root = ("--root", str(tmp_path / "results"))
    hold(file)
    study.submit(str(file), "sweep.grid.seed=[1,2,3,4,5]", *root)
    (first,) = halted(slurm, study, 1)
    found = {t["label"]: (t["state"], t["detail"], t["job"]) for t in study.tasks("train") if t["state"] != "done"}
    assert found["seed=3"] == ("running", "", first["job"])
    assert found["seed=4"] == found["seed=5"] == ("waiting", "room in its job", first["job"])
    let_go(file)
    study.wait_until_done()
    attempts = [a for a in study.attempts() if a["job"] == first["job"]]
    assert len(attempts) == 3
    ordered = sorted(attempts, key=lambda a: a["start"])
    assert all(before["end"] <= after["start"] for before, after in pairwise(ordered))


def test_runs_that_share_jobs_find_what_they_find_alone(slurm, tmp_path):
    """Real ones, which are warned once while they train, and whose blocks have workers of their own."""
    more = {"sweep": sweep(2), "training__epochs": 6, "cluster": LITTLE | {"pack": 2}}
    more |= {"evaluate__shards": 2, "evaluate__metrics": ["psnr"], "evaluate__protocols": ["luma", "region"]}
    for name in ("alone", "together"):
        (tmp_path / name).mkdir()
    alone = tiny_study(tmp_path / "alone", **more)
    quiet_run = undisturbed(alone)
    study = Submitted(slurm, tiny_study(tmp_path / "together", **more), real=True)
    first = study.wait_for_epoch(1)
    slurm.run("scancel", "--signal=USR2", first["job"], check=True)
    study.wait_until_done()
    assert quiet_run.wait(600) == 0
    assert results(alone.parent / "results" / "tiny") == results(study.folder)
    assert {a["outcome"] for a in study.attempts("evaluate")} == {"done"}
    assert len(jobs_of(study, "evaluate")) == 2


@pytest.mark.parametrize("accounting", ["with accounting", "without"])
@pytest.mark.usefixtures("training_alone")
def test_a_job_that_is_killed_for_its_memory_says_so_of_each_of_its_runs(slurm, tmp_path, accounting):
    if accounting == "without":
        slurm.call("stop-accounting")
    (tmp_path / "hoard").write_text("150")
    cluster = packed(2, mem_gb=0.1)
    study = Submitted(slurm, hold(stub_study(tmp_path, sweep=sweep(2), cluster=cluster, epochs=EPOCHS)))
    study.wait_until_ended()
    assert {(t["state"], t["cause"]) for t in study.tasks("train")} == {("failed", "out of memory")}
