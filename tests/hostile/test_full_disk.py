"""A full disk is called one, by the command that fills it and by those that look at what it left."""

import json
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import tiny_study, write_pictures

from analysis import plot
from jobs import restore
from jobs.compare_folders import main as evaluate
from runner import status, submit

FULL = "No space left on device; make room (python -m runner.clean"


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 3 MB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here (only root may)")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> None:
    with suppress(OSError), (folder / "filler").open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


def test_a_study_that_fills_the_disk_says_so_and_so_does_its_status(ends, small_disk, tmp_path):
    file = tiny_study(tmp_path, evaluate__metrics=["psnr"], evaluate__protocols=["luma"], training__epochs=1)
    write_pictures(tmp_path / "train", [1, 2], height=1000, width=1200)
    ended = ends(submit.main, file, "--executor", "debug", "--root", small_disk / "results", of_tasks=True)
    assert ended.status == 1
    assert FULL in ended.said
    fill(small_disk)
    told = ends(status.main, small_disk / "results" / "tiny").said
    assert FULL in told
    assert "out of memory" not in told


def test_a_process_that_could_leave_no_word_on_a_full_disk_was_not_killed(ends, small_disk, finished):
    results = small_disk / "results"
    subprocess.run(["cp", "-r", finished.folder.parent, results], check=False, capture_output=True)
    study = results / "tiny"
    (record,) = study.glob("runs/*/attempts/train-*.json")
    left = {"outcome": "running", "end": None, "pid": 2**22 + 1, "born": None, "log": str(study / "train.out")}
    record.write_text(json.dumps({**json.loads(record.read_text()), **left, "submission": None, "job": None}))
    (study / "runs" / record.parts[-3] / "checkpoints" / "last.pt").unlink(missing_ok=True)
    for kept in study.glob("runs/*/checkpoints/*.pt"):
        kept.unlink()
    fill(small_disk)
    assert f"the disk of {study} is full: make room" in ends(status.main, study).said


def test_commands_that_write_name_a_full_disk(ends, small_disk, finished, tmp_path):
    write_pictures(tmp_path / "a", [1])
    run = next(finished.runs.iterdir())
    fill(small_disk)
    out = small_disk / "out"
    for main, *arguments in (
        (restore.main, tmp_path / "a", "--model", run, "--out", out),
        (evaluate, "--reference", tmp_path / "a", "--estimate", tmp_path / "a", "--out", out, "--metrics", "psnr"),
        (plot.main, finished.folder, "--out", small_disk / "a.png"),
    ):
        ended = ends(main, *arguments)
        assert (ended.status, FULL in ended.said) in {(1, True), (2, True)}, ended
