"""One runner a study: killed, doubled or interrupted, it leaves nothing behind that writes beside its successor."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import REPOSITORY, tiny_study, wait_for
from stub_stages import installed

from jobs.processes import born, descendants, is_alive
from runner.record.lock import StudyBusyError, holder, study_lock
from runner.record.state import study_status
from runner.submit import main as submitted
from srcnn.files import read_json, write_json
from srcnn.paths import StudyPaths


def started(file, cwd=REPOSITORY):
    """A local execution on stub stages in a process of its own."""
    command = [sys.executable, "-m", "stub_stages", "submit", str(file), "--executor", "local", "--cores", "1"]
    command += ["--root", str(file.parent / "results")]
    return subprocess.Popen(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


@pytest.mark.usefixtures("training_alone")
def test_no_task_outlives_a_runner_that_is_killed(held):
    file, folder = held.study(), held.paths.folder
    runner = started(file)
    task = held.attempt()
    children = descendants(runner.pid)
    assert task.pid in children
    runner.kill()
    runner.communicate()
    wait_for(lambda: not any(born(child) for child in children), seconds=20)
    (train,) = study_status(held.paths, time.time()).tasks
    assert (train.state, train.cause) == ("failed", "killed")
    # The same command goes on from there.
    held.let_go()
    with installed():
        assert submitted([str(file), "--executor", "local", "--cores", "1", "--root", str(folder.parent)]) == 0
    (record,) = folder.glob("runs/*/attempts/train-*-2.json")
    assert (read_json(record)["first"], read_json(record)["outcome"]) == (1, "done")


@pytest.mark.usefixtures("training_alone")
def test_of_two_runners_the_second_says_who_is_first(held, capsys):
    file, folder = held.study(), held.paths.folder
    first = started(file)
    try:
        held.attempt()
        with installed():
            assert submitted([str(file), "--executor", "local", "--root", str(folder.parent)]) == 2
        said = capsys.readouterr().err
        assert f"tiny is being run by process {first.pid} on {socket.gethostname()}" in said
        assert f"python -m runner.cancel {folder}" in said
        assert len(list(folder.glob("runs/*/attempts/train-*.json"))) == 1
    finally:
        first.terminate()
        first.communicate(timeout=300)


@pytest.mark.usefixtures("training_alone")
def test_two_runners_at_the_same_moment_do_everything_once(tmp_path, stubs):
    file = tiny_study(tmp_path, sweep={"grid": {"seed": [1, 2]}})
    both = [started(file) for _ in range(2)]
    outs = [process.communicate(timeout=600)[0] for process in both]
    assert sorted(process.returncode for process in both) == [0, 2], outs
    attempts = [*(tmp_path / "results" / "tiny").glob("**/attempts/*.json")]
    assert all(file.name.endswith("-1.json") for file in attempts)


def test_the_lock_of_a_dead_runner_is_taken_over(tmp_path):
    paths = StudyPaths(tmp_path / "study")
    dead = subprocess.Popen(["sleep", "60"])
    record = {"host": socket.gethostname(), "pid": dead.pid, "born": born(dead.pid), "executor": "local", "start": 0.0}
    dead.kill()
    dead.wait()
    write_json(paths.lock, record)
    assert holder(paths) is None
    with study_lock(paths, "local") as replaced:
        assert replaced.pid == dead.pid
        assert holder(paths).pid == os.getpid()
    assert not paths.lock.exists()
    assert list(paths.folder.iterdir()) == []


def test_the_lock_of_another_machine_is_respected_and_says_how_to_remove_it(tmp_path):
    paths = StudyPaths(tmp_path / "study")
    record = {"host": "elsewhere", "pid": 1, "born": "x", "executor": "local", "start": 0.0}
    write_json(paths.lock, record)
    with pytest.raises(StudyBusyError, match=f"on elsewhere .*delete {paths.lock}"), study_lock(paths, "local"):
        pass
    assert read_json(paths.lock) == record


def test_a_process_is_known_by_its_birth_too():
    assert is_alive(socket.gethostname(), os.getpid(), born(os.getpid()))
    assert is_alive(socket.gethostname(), os.getpid(), f"{born(os.getpid())}0") is False
    assert is_alive(socket.gethostname(), os.getpid(), None) is None


def test_editing_the_source_while_tasks_wait_changes_nothing(held, tmp_path, monkeypatch):
    copy = tmp_path / "checkout"
    for package in ("srcnn", "jobs", "runner", "analysis"):
        shutil.copytree(REPOSITORY / package, copy / package)
    monkeypatch.setenv("PYTHONPATH", f"{copy}{os.pathsep}{REPOSITORY / 'tests'}")
    process = started(held.study(), cwd=copy)
    held.attempt()
    for name in ("jobs/job.py", "jobs/attempt.py", "srcnn/files.py"):  # which every task imports
        (copy / name).write_text("raise SystemExit('edited')\n")
    held.let_go()
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0, out
    assert len(list(held.paths.folder.glob("runs/*/attempts/evaluate-*.json"))) == 1


def test_a_killed_task_leaves_no_child(tmp_path):
    """What a task started ends with it when its runner is gone, also processes that it started itself."""
    script = (
        "import subprocess, sys, time\n"
        "from jobs.processes import end_with\n"
        "end_with(int(sys.argv[1]), sys.argv[2])\n"
        "child = subprocess.Popen(['sleep', '60'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    runner = subprocess.Popen(["sleep", "60"])
    task = subprocess.Popen(
        [sys.executable, "-c", script, str(runner.pid), born(runner.pid)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    child = int(task.stdout.readline())
    runner.send_signal(signal.SIGKILL)
    runner.wait()
    task.communicate(timeout=20)
    assert task.returncode == -signal.SIGKILL
    wait_for(lambda: not Path(f"/proc/{child}").exists() or born(child) is None, seconds=10)
