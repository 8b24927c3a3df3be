"""Calls spread over processes: killed workers cost no result, none outlives its task, and none need be there."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

import pytest
from calls_that_end_python import die_always, die_once
from conftest import REPOSITORY, write_pictures

from jobs.attempt import last_attempt, run_attempt
from jobs.job import silent
from jobs.parallel import WorkerKilled, spread
from jobs.processes import born, descendants
from jobs.scoring import rows_or_reason
from runner.record.words import own_words

NO_SHARED_MEMORY = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
NO_SHARED_MEMORY += ['mount -t tmpfs -o ro none /dev/shm && exec "$@"', "sh"]


@dataclass(frozen=True)
class Hungry:
    """A task whose workers are always killed."""

    def is_done(self):
        return False

    def __call__(self, progress=silent):
        list(spread(die_always, [(number, 3) for number in range(6)], 2))


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_worker_costs_no_result_and_fewer_go_on(tmp_path, caplog, by):
    calls = [(number, [2, 9], tmp_path, by) for number in range(12)]
    assert list(spread(die_once, calls, 4)) == [number**2 for number in range(12)]
    assert caplog.records[0].message == "one of 4 worker processes was killed (too little memory?): 2 go on"


def test_workers_import_from_where_their_task_does(tmp_path, monkeypatch):
    assert list(spread(pow, [(2, 3), (3, 2)], 2)) == [8, 9]  # they are there now
    (tmp_path / "late.py").write_text("def double(number):\n    return 2 * number\n")
    monkeypatch.syspath_prepend(tmp_path)
    from late import double

    assert list(spread(double, [(1,), (2,)], 2)) == [2, 4]


def test_workers_that_are_killed_at_the_same_point_again_are_a_lack_of_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("jobs.parallel.KILLS", 1)
    with pytest.raises(WorkerKilled, match=r"2 times at .* more memory than there is\. Submit again with --mem-gb, or"):
        run_attempt(Hungry(), tmp_path, "evaluate", "r0.0")
    cause, detail = own_words(last_attempt(tmp_path, "evaluate", "r0.0"), None)
    assert cause == "out of memory"
    assert "--mem-gb" in detail


def test_a_worker_that_ends_itself_is_no_lack_of_memory():
    with pytest.raises(RuntimeError, match="SIGSEGV") as caught:
        list(spread(die_always, [(number, 3, signal.SIGSEGV) for number in range(6)], 2))
    assert not isinstance(caught.value, WorkerKilled)


def warn(number: int) -> list[dict[str, int]]:
    os.kill(os.getpid(), signal.SIGUSR2)
    return [{"number": number}]


def test_a_task_that_is_warned_while_it_scores_alone_ends_and_takes_that_for_no_fault_of_a_picture():
    before = signal.signal(signal.SIGUSR2, lambda number, frame: sys.exit(75))
    try:
        with pytest.raises(SystemExit, match="75"):
            list(spread(rows_or_reason, [(warn, number) for number in range(3)], 1))
    finally:
        signal.signal(signal.SIGUSR2, before)


def test_the_workers_of_a_killed_task_end_with_it():
    code = (
        "import os, time\n"
        "from jobs.parallel import spread\n"
        "def work(number):\n"
        "    print('working', flush=True)\n"
        "    time.sleep(600)\n"
        "list(spread(work, [(number,) for number in range(8)], 2))\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as task:
        assert [task.stdout.readline() for _ in range(2)] == ["working\n"] * 2
        family = {pid: born(pid) for pid in descendants(task.pid)}
        assert len(family) >= 2
        task.kill()
    end = time.monotonic() + 60
    while [pid for pid, since in family.items() if born(pid) == since]:
        assert time.monotonic() < end, "workers outlive their task"
        time.sleep(0.1)


def without_shared_memory(*arguments):
    """What a Python command gives where no semaphore can be made."""
    if subprocess.run([*NO_SHARED_MEMORY, "true"], capture_output=True).returncode:
        pytest.skip("unshare --user --mount is not permitted here")
    command = [*NO_SHARED_MEMORY, sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)


def test_pictures_are_scored_where_shared_memory_cannot_be_written(tmp_path):
    write_pictures(tmp_path / "a", [1, 2])
    write_pictures(tmp_path / "b", [1, 2])
    folders = ["--reference", tmp_path / "a", "--estimate", tmp_path / "b", "--out", tmp_path / "out"]
    done = without_shared_memory("-m", "jobs.evaluate", *folders, "--metrics", "psnr", "--workers", "2")
    assert done.returncode == 0, done.stderr
    assert "one process works instead of 2: no semaphore can be made in /dev/shm (Read-only file system)" in done.stderr
    assert (tmp_path / "out" / "scores.parquet").exists()


def test_the_doctor_says_that_shared_memory_cannot_be_written():
    code = (
        "from pathlib import Path\n"
        "from runner.checks import machine\n"
        "from runner.checks.circumstances import Circumstances\n"
        "print([(each.state, each.what) for each in machine.workers(Circumstances(Path()))])"
    )
    assert "('note', 'processes: no semaphore can be made in /dev/shm" in without_shared_memory("-c", code).stdout
    assert (
        "('ok'," in subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY).stdout
    )
