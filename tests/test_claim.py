"""Work that several jobs ask for at once is done by one of them, even if the first is killed."""

import json
import multiprocessing
import os
import socket
import time
from pathlib import Path

import pytest

from jobs.claim import STALE_S, build_once
from runner.study.config import load_study
from runner.study.plan import make_plan
from srcnn.paths import RootPaths


def _build(target: Path, log: Path, seconds: float) -> None:
    def build() -> None:
        with log.open("a") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(seconds)
        target.write_text("built")

    build_once(target, build, poll_s=0.02)


def test_two_processes_that_ask_at_once_build_once(tmp_path):
    target, log = tmp_path / "data.h5", tmp_path / "log"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_build, args=(target, log, 0.5)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert len(log.read_text().splitlines()) == 1
    assert sorted(file.name for file in tmp_path.iterdir()) == ["data.h5", "log"]


def test_nothing_is_built_that_is_there(tmp_path):
    (tmp_path / "x").write_text("old")
    build_once(tmp_path / "x", lambda: (tmp_path / "x").unlink())
    assert (tmp_path / "x").read_text() == "old"


def test_the_claim_of_a_killed_job_is_taken_over(tmp_path):
    target = tmp_path / "x"
    (tmp_path / ".x.claim").touch()  # nobody touches it any more
    build_once(target, lambda: target.write_text("built") and None, poll_s=0.01, stale_s=0.1)
    assert target.read_text() == "built"


def test_a_failed_build_frees_the_claim(tmp_path):
    def fail() -> None:
        raise OSError("disk full")

    for _ in range(2):  # the second would wait for ever if the first left its claim
        with pytest.raises(OSError, match="disk full"):
            build_once(tmp_path / "x", fail)
    assert list(tmp_path.iterdir()) == []


def _wait_for_line(log: Path) -> str:
    end = time.monotonic() + 60
    while not (log.exists() and log.read_text()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return log.read_text()


def test_the_claim_of_a_dead_process_of_this_machine_is_taken_over_at_once(tmp_path):
    target, log = tmp_path / "x", tmp_path / "log"
    killed = multiprocessing.get_context("spawn").Process(target=_build, args=(target, log, 600))
    killed.start()
    _wait_for_line(log)
    said = []

    def say(note: str) -> None:
        said.append(note)
        killed.kill()
        killed.join()

    start = time.monotonic()
    build_once(target, lambda: target.write_text("built") and None, say, poll_s=0.01)
    assert target.read_text() == "built"
    assert said == [f"waits for process {killed.pid} on {socket.gethostname()}, which makes the same"]
    assert time.monotonic() - start < STALE_S
    assert sorted(file.name for file in tmp_path.iterdir()) == ["log", "x"]


@pytest.mark.parametrize("claimant", [["elsewhere", 1, "m-b-1-1"], [socket.gethostname(), os.getpid(), None], None])
def test_a_claim_of_a_process_that_cannot_be_seen_is_waited_for_until_it_is_stale(tmp_path, claimant, monkeypatch):
    monkeypatch.setattr("jobs.claim.SILENT_S", 0.1)
    (tmp_path / ".x.claim").write_text(json.dumps(claimant))
    said = []
    build_once(tmp_path / "x", lambda: (tmp_path / "x").touch(), said.append, poll_s=0.01, stale_s=1.0)
    who = f"process {claimant[1]} on {claimant[0]}" if claimant else "another process"
    assert said[0] == f"waits for {who}, which makes the same"
    assert said[1].endswith("(no sign of it for 0 s; it counts as dead after 1 s)")
    assert [file.name for file in tmp_path.iterdir()] == ["x"]


def test_a_job_that_was_taken_for_dead_leaves_the_claim_of_its_successor_alone(tmp_path):
    claim, other = tmp_path / ".x.claim", b'["elsewhere", 1, null]'

    def build() -> None:
        claim.write_bytes(other)
        (tmp_path / "x").touch()

    build_once(tmp_path / "x", build)
    assert claim.read_bytes() == other


def test_a_task_that_waits_for_another_says_so_in_its_record(study_file, tmp_path):
    study, _ = load_study(str(study_file))
    job = make_plan(study, RootPaths(tmp_path / "results")).stage("prepare")[0].job
    patches = job.root.patches(job.name)
    patches.parent.mkdir(parents=True, exist_ok=True)
    patches.with_name(f".{patches.name}.claim").write_text(json.dumps(["node7", 42, "m-b-1-1"]))
    notes = []

    def progress(done: int, total: int, note: str) -> None:
        notes.append(note)
        patches.touch()

    job(progress)
    assert notes == ["waits for process 42 on node7, which makes the same"]
