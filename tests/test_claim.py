"""Work that several jobs ask for at once is done by one of them, even if the first is killed."""

import multiprocessing
import os
import time
from pathlib import Path

import pytest

from jobs.claim import build_once


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
