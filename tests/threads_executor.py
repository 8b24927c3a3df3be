"""An executor as a package of somebody else's would bring it: tasks are threads of the process that submits."""

import ctypes
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from runner.executors.executor import Request, WatchedTask
from runner.executors.here import Here, is_blocked, is_ready
from runner.executors.inside import Inside
from runner.executors.task import TaskCall

POLL_S = 0.02


@dataclass(frozen=True)
class InThread(Inside):
    """A thread whose output goes to a file of its own."""

    file: Path = Path()

    def log(self) -> str | None:
        return str(self.file)


class Threads(Here):
    name = "threads"
    title = "threads"

    def submit(self, request: Request) -> Sequence[WatchedTask]:
        states = [WatchedTask(task) for task in request.tasks]
        by_key = {state.task.key: state for state in states}
        threads: list[threading.Thread] = []
        with _own_output() as output:
            try:
                while any(state.state in ("waiting", "running") for state in states):
                    for state in states:
                        needs = [by_key[need.key] for need in state.task.needs if need.key in by_key]
                        if state.state == "waiting" and is_blocked(state, needs):
                            state.state = "skipped"
                        elif state.state == "waiting" and is_ready(state, needs):
                            state.state, state.log = "running", str(request.folder / f"{'-'.join(state.task.key)}.log")
                            thread = threading.Thread(target=_do, args=(state, request.folder, output), daemon=True)
                            threads.append(thread)
                            thread.start()
                    request.watch(states)
                    time.sleep(POLL_S)
            except KeyboardInterrupt:
                for thread in threads:
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(
                        ctypes.c_ulong(thread.ident or 0), ctypes.py_object(KeyboardInterrupt)
                    )
                for thread in threads:
                    thread.join()
                raise
        return states


def _do(state: WatchedTask, folder: Path, output: "_Output") -> None:
    log = Path(state.log or "")
    with log.open("w") as file, suppress(KeyboardInterrupt):
        output.here.file = file
        try:
            TaskCall.of(state.task, folder, InThread(file=log), cores=1)()
            state.state = "done"
        except Exception as error:  # noqa: BLE001 - recorded by the task
            state.state, state.error = "failed", f"{type(error).__name__}: {error}"


class _Output:
    """Standard output of many threads: each has its own file, all others the terminal."""

    def __init__(self, terminal: TextIO) -> None:
        self.terminal, self.here = terminal, threading.local()

    def __getattr__(self, name: str) -> object:
        return getattr(getattr(self.here, "file", self.terminal), name)


@contextmanager
def _own_output():
    before = sys.stdout, sys.stderr
    sys.stdout = sys.stderr = output = _Output(sys.stdout)
    try:
        yield output
    finally:
        sys.stdout, sys.stderr = before
