"""What can befall a study on one machine: one function a fault, FAULTS is the table of all of them."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jobs.processes import born, descendants

from .studies import at_work

AWAY_S = 3.0


class House:
    """The runner's process, its study, and what is to be undone later."""

    def __init__(self, start: Callable[[], subprocess.Popen[bytes]], study: Path, rng: random.Random) -> None:
        self.start, self.study, self.rng = start, study, rng
        self.runner = start()
        self.ended_by_us = False
        self.later: list[tuple[float, Callable[[], Any]]] = []

    def undo(self, *, all_of_it: bool = False) -> None:
        """Undo what is due, or everything."""
        due = [each for each in self.later if all_of_it or each[0] <= time.monotonic()]
        self.later = [each for each in self.later if each not in due]
        for _, undo in due:
            undo()

    def again(self) -> None:
        """Start the runner again."""
        self.runner, self.ended_by_us = self.start(), False

    def working(self, stage: str = "") -> dict[str, Any] | None:
        """One of the attempts at work now; None if there is none."""
        found = at_work(self.study, lambda each: not stage or each["stage"] == stage)
        return self.rng.choice(found) if found else None


def _end_runner(number: int) -> Callable[[House], bool]:
    def end(house: House) -> bool:
        if house.runner.poll() is not None or not at_work(house.study):
            return False
        house.ended_by_us = True
        house.runner.send_signal(number)
        return True

    return end


def kill_a_task(house: House) -> bool:
    """``kill -9`` of a task's process."""
    attempt = house.working()
    return attempt is not None and _signal(attempt, signal.SIGKILL)


def kill_a_controller(house: House) -> bool:
    """``kill -9`` of the process between the runner and a task, which waits for the task."""
    attempt = house.working()
    parent = _parent(attempt["pid"]) if attempt else None
    if parent is None or parent == house.runner.pid:
        return False
    os.kill(parent, signal.SIGKILL)
    return True


def kill_a_worker(house: House) -> bool:
    """``kill -9`` of a process that scores for a task."""
    attempt = house.working("evaluate")
    workers = [pid for pid in descendants(attempt["pid"]) if b"loky" in _read(pid, "cmdline")] if attempt else []
    if not workers:
        return False
    os.kill(house.rng.choice(workers), signal.SIGKILL)
    return True


def stop_and_continue(house: House) -> bool:
    """A task's process stands still for some seconds."""
    attempt = house.working()
    if attempt is None or not _signal(attempt, signal.SIGSTOP):
        return False
    house.later.append((time.monotonic() + AWAY_S, lambda: _signal(attempt, signal.SIGCONT)))
    return True


def second_runner(house: House) -> bool:
    """Somebody runs the same study beside the first; that must be refused."""
    if house.runner.poll() is not None or not at_work(house.study):
        return False
    second = house.start()
    if second.wait(timeout=120) != 2 and house.runner.poll() is None:
        raise AssertionError(f"a second runner was not refused: it returned {second.returncode}")
    return True


FAULTS: dict[str, tuple[Callable[[House], bool], int]] = {  # with how often each is tried
    "kill -9 of the runner": (_end_runner(signal.SIGKILL), 3),
    "Ctrl-C": (_end_runner(signal.SIGINT), 2),
    "terminal closed": (_end_runner(signal.SIGHUP), 1),
    "kill -9 of a task": (kill_a_task, 2),
    "kill -9 of a controller": (kill_a_controller, 2),
    "kill -9 of a scoring worker": (kill_a_worker, 6),
    "stop and continue": (stop_and_continue, 2),
    "a second runner": (second_runner, 1),
}


def _signal(attempt: dict[str, Any], number: int) -> bool:
    if born(attempt["pid"]) != attempt["born"]:
        return False
    os.kill(attempt["pid"], number)
    return True


def _parent(pid: int) -> int | None:
    fields = _read(pid, "stat").rpartition(b")")[2].split()
    return int(fields[1]) if len(fields) > 1 else None


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""
