"""One finished study for all tests of a process, and commands that must neither break nor hang whatever they find."""

import faulthandler
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import REPOSITORY, empty_figures, tiny_study

from srcnn.paths import StudyPaths

LIMIT_S = 300.0  # of one command: none takes a hundredth of it where nothing hangs, nor all of it on a busy machine
Main = Callable[..., int]


class Hang(BaseException):
    """A command that does not end; no ``except Exception`` takes it."""


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit status, and what it said."""

    status: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """All that it said, as one line without the breaks of a narrow terminal."""
        return " ".join(f"{self.out} {self.err}".split())


@pytest.fixture(scope="session")
def finished_once(tmp_path_factory) -> Path:
    """The root of a study that is done: one run of one epoch. Never changed: tests use ``finished``."""
    from runner import submit  # which the tests of the package's environment do without

    folder = tmp_path_factory.mktemp("finished")
    file = tiny_study(folder, evaluate__metrics=["psnr"], evaluate__protocols=["luma"], training__epochs=1)
    with empty_figures():
        assert submit.main([str(file), "--executor", "debug", "--root", str(folder / "results")]) == 0
    return folder / "results"


@pytest.fixture
def finished(finished_once: Path, tmp_path: Path) -> StudyPaths:
    """A copy of the finished study in a root of its own, to be damaged; the pictures it was made from are shared."""
    shutil.copytree(finished_once, tmp_path / "results")
    return StudyPaths(tmp_path / "results" / "tiny")


@pytest.fixture
def ends(capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """``ends(main, *arguments)``: how a command ends in this process; a traceback or a hang fails the test.

    ``of_tasks``: what a task prints in this process, under ``--executor debug``, may hold a traceback.
    """

    def run(main: Main, *arguments: object, of_tasks: bool = False, limit_s: float = LIMIT_S) -> Ended:
        capfd.readouterr()
        status, fault = 0, None
        with interrupted_after(limit_s):
            try:
                status = main([str(argument) for argument in arguments])
            except SystemExit as error:  # of argparse
                status = error.code if isinstance(error.code, int) else 1
            except (Exception, Hang) as error:  # noqa: BLE001 - whatever it is, the test fails of it
                fault = error
        ended = Ended(status, *capfd.readouterr())
        if fault is not None:
            words = "hangs" if isinstance(fault, Hang) else f"raises {type(fault).__name__}: {fault}"
            raise AssertionError(f"{main.__module__} {' '.join(map(str, arguments))} {words}\n{ended}") from fault
        if not of_tasks:
            assert "Traceback (most recent call last)" not in ended.out + ended.err, ended
        return ended

    return run


@contextmanager
def interrupted_after(seconds: float) -> Iterator[None]:
    """Raise Hang in this thread after so many seconds, also where it waits for a pipe."""

    def hang(*_: object) -> None:
        raise Hang(f"did not end within {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, hang)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)  # and again, should a library go on
    faulthandler.dump_traceback_later(4 * seconds, exit=True)  # where only C code runs, and no handler does
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def ends_in_a_process(module: str, *arguments: object, limit_s: float = 3 * LIMIT_S, **environment: str) -> Ended:
    """How ``python -m module`` ends; a traceback or a hang fails the test."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    surroundings = {**os.environ, "PYTHONPATH": str(REPOSITORY), **environment}
    done = subprocess.run(
        command, env=surroundings, capture_output=True, stdin=subprocess.DEVNULL, timeout=limit_s, check=False
    )
    ended = Ended(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))
    assert "Traceback (most recent call last)" not in ended.out + ended.err, ended
    return ended
