"""Whatever the cluster does to its jobs, a study ends with the results of an undisturbed run, to the bit.

All of it happens to one real study; what else there is to say of it is told by stub stages in test_recovery.py.
"""

import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import REPOSITORY, tiny_study

from jobs.processes import born, started_with
from runner.executors.slurm.requeue import VARIABLE
from srcnn.files import write_text

from .cluster import Cluster
from .faults import environment_of, kill, leave_unwatched, preempt
from .studies import LITTLE, Submitted, in_background, results, undisturbed

# A small SRCNN whose training on the cluster halts where a file says after how many epochs.
NETWORK = """
import json
import os
import time
from pathlib import Path

from srcnn.models.srcnn import SRCNN

GATE, RUNS = Path({gate!r}), Path({runs!r})


class Network(SRCNN):
    def __init__(self, *, residual):
        super().__init__((5, 1, 3), residual=residual)

    def forward(self, luma):
        while self.training and halts():
            time.sleep(0.02)
        return super().forward(luma)


def halts():
    try:
        most = int(GATE.read_text())
    except FileNotFoundError:
        return False
    for file in RUNS.glob("*/attempts/train-*.json"):
        if file.stat().st_size and json.loads(file.read_bytes())["pid"] == os.getpid():
            history = file.parents[1] / "history.jsonl"
            return history.exists() and len(history.read_text().splitlines()) >= most
    return False
"""
NODE, OTHER = "node2", "node3"
EDITED = "raise SystemExit('edited')\n"
KILLED, REQUEUED, UNWATCHED = LABELS = ("seed=1", "seed=2", "seed=3")


@dataclass
class Befallen:
    """A real study on the cluster, all of whose trainings halt where they are told to."""

    study: Submitted
    gate: Path
    code: str  # of its network, as it was submitted
    undisturbed: dict[str, Any]  # what the same study finds when nothing happens to it, on one core of this machine

    def attempts_at(self, label: str) -> list[dict[str, Any]]:
        return [each for each in self.study.attempts() if self.study.label(each["task"]) == label]

    def halt_after(self, epoch: int) -> None:
        write_text(self.gate, str(epoch))

    def wait(self, epoch: int, attempt: int) -> dict[str, dict[str, Any]]:
        """The record of each training once its attempt of this number has come so far."""
        return {label: self.study.wait_for_epoch(epoch, attempt, label) for label in LABELS}


@pytest.fixture(scope="module")
def befallen(slurm: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Befallen:
    """All that may befall a job, and afterwards the end of the study."""
    folder = tmp_path_factory.mktemp("befallen")
    gate, here, quiet = folder / "gate", folder / "cluster", folder / "quiet"
    code = NETWORK.format(gate=str(gate), runs=str(here / "results" / "tiny" / "runs"))
    quiet_file, file = real_study(quiet, code), real_study(here, code)
    quiet_run = undisturbed(quiet_file)
    checkout = folder / "checkout"
    for package in ("srcnn", "jobs", "runner", "analysis"):
        shutil.copytree(REPOSITORY / package, checkout / package)
    run = Befallen(Submitted.of(slurm, file, real=True), gate, code, {})
    run.halt_after(2)
    slurm.run("scontrol", "update", f"nodename={OTHER}", "state=drain", "reason=later", check=True)
    submission = in_background(file, slurm.env, checkout, "--executor", "slurm")
    assert submission.wait(300) == 0
    # While it waits and runs, the network and our own source are edited.
    (here / "gated.py").write_text(EDITED)
    (checkout / "jobs" / "train.py").write_text(EDITED)
    (checkout / "srcnn" / "training.py").write_text(EDITED)

    run.wait(2, attempt=1)
    preempt(slurm, f"--nodelist={NODE}")
    run.wait(2, attempt=2)
    run.halt_after(4)
    second = run.wait(4, attempt=2)
    kill(second[KILLED])
    slurm.run("scontrol", "requeue", second[REQUEUED]["job"], check=True)
    leave_unwatched(second[UNWATCHED]["pid"])
    run.wait(4, attempt=3)
    run.halt_after(6)
    third = run.wait(6, attempt=3)
    assert born(second[UNWATCHED]["pid"]) is None
    slurm.run("scontrol", "update", f"nodename={OTHER}", "state=resume", check=True)
    with lost_to_slurm(slurm, third):
        run.halt_after(7)
        run.wait(7, attempt=4)
        gate.unlink()
        for record in third.values():  # both copies write now
            os.kill(record["pid"], signal.SIGCONT)
        run.study.wait_until_done()
    assert quiet_run.wait(600) == 0
    run.undisturbed = results(quiet_file.parent / "results" / "tiny")
    return run


def real_study(folder: Path, code: str) -> Path:
    """A study of three short trainings with a network of the user's own, all of whose states are kept."""
    folder.mkdir()
    (folder / "gated.py").write_text(code)
    return tiny_study(
        folder,
        model={"name": "gated:Network"},
        training__epochs=8,
        sweep={"grid": {"seed": [1, 2, 3]}},
        render={"epochs": [3, 8]},
        keep={"every_s": 0},
        evaluate__metrics=["psnr", "ssim"],
        evaluate__protocols=["luma", "region"],
        cluster={**LITTLE, "train": {"gpus": 0, "partition": "low"}},
    )


@contextlib.contextmanager
def lost_to_slurm(slurm: Cluster, records: dict[str, dict[str, Any]]) -> Iterator[None]:
    """Lose the node of all tasks to the controller while they live on, stopped: SLURM starts their jobs elsewhere."""
    tasks = [environment_of(record["pid"])[VARIABLE] for record in records.values()]
    there = [pid for task in tasks for pid in started_with(f"{VARIABLE}={task}", "")]
    assert {record["pid"] for record in records.values()} <= set(there)
    try:
        for pid in there:  # also srun, which would end the task as soon as it hears of the lost node
            os.kill(pid, signal.SIGSTOP)
        slurm.call("lose-slurmd", NODE)
        yield
    finally:
        for pid in there:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def test_whatever_befell_it_the_study_found_what_an_undisturbed_run_finds(befallen):
    found = results(befallen.study.folder)
    assert found.keys() == befallen.undisturbed.keys()
    assert all(found[name] == befallen.undisturbed[name] for name in befallen.undisturbed)
    assert befallen.study.command("status", str(befallen.study.folder)).returncode == 0
    assert (befallen.study.folder / "report" / "index.html").exists()


def test_preempted_jobs_are_put_back_and_go_on_from_their_last_epoch(befallen):
    for label in LABELS:
        _, second, *_ = befallen.attempts_at(label)
        assert second["first"] == 2


@pytest.mark.parametrize("label", LABELS)
def test_a_task_that_is_killed_requeued_or_watched_by_nobody_goes_on_from_its_last_epoch(befallen, label):
    _, second, third, _ = befallen.attempts_at(label)
    assert third["first"] == 4
    if label != REQUEUED:
        assert second["outcome"] == "running"  # it left no word


def test_two_copies_of_one_task_in_one_folder_do_no_harm(befallen):
    """A node was lost to the controller for a while and its tasks lived on; SLURM started their jobs elsewhere."""
    for label in LABELS:
        *_, third, fourth = befallen.attempts_at(label)
        assert fourth["first"] == 6
        assert (third["outcome"], fourth["outcome"]) == ("done", "done")
        assert third["end"] > fourth["start"]


def test_the_code_that_was_submitted_is_the_code_that_runs(befallen):
    """A model of the user's own was edited, and our own source was, while the jobs waited and ran."""
    (submission,) = (befallen.study.folder / "submissions").iterdir()
    assert (submission / "code" / "gated.py").read_text() == befallen.code
    assert (submission / "code" / "jobs" / "train.py").read_text() != EDITED
    provenance = json.loads((submission / "provenance.json").read_text())
    assert provenance["interpreter"] == sys.executable
    assert {"torch", "numpy", "submitit"} <= provenance["packages"].keys()
    assert {"commit", "changed_files", "host", "python", "command"} <= provenance.keys()
