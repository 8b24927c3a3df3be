"""The processes of a local execution: a task starts when what it needs is there and cores are free.

submitit starts each task in a process of its own; what to start when is decided here, because
its LocalExecutor would start everything at once and knows no dependencies.
"""

import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import submitit

from jobs.attempt import close_attempt, last_attempt
from jobs.job import usable_cores
from jobs.processes import born, started_with
from runner.executors.executor import Request, WatchedTask
from runner.executors.gpus import Gpu, visible_gpus
from runner.executors.here import is_blocked, is_ready, shares
from runner.executors.in_submitit import InSubmitit
from runner.executors.local import POLL_S, lives
from runner.executors.snapshot import take_snapshot
from runner.executors.table import enclosing_job
from runner.executors.task import TaskCall
from runner.executors.variables import import_environment
from runner.record.submission_files import CODE
from runner.study.cluster import ClusterConfig
from srcnn.door import full_disk
from srcnn.schema import Attempt

NO_LIMIT_MIN = 60 * 24 * 365
MARK = "SRCNN_TASK"  # the variable that a task's processes have of their runner


@dataclass
class LocalTask(WatchedTask):
    """Where one task of a local execution stands, and what was set aside for it."""

    submission: str = ""
    mark: str = ""
    job: submitit.Job[Any] | None = None
    gpu_index: Gpu | None = None


@dataclass
class Budget:
    """Cores and GPUs that are free; a GPU is listed as often as there is room for a task on it."""

    cores: int
    gpus: list[Gpu] = field(default_factory=list)

    def take(self, state: LocalTask) -> bool:
        """Set aside what a task needs, and say whether it was free."""
        if state.cores > self.cores or (state.gpu and not self.gpus):
            return False
        self.cores -= state.cores
        if state.gpu:
            state.gpu_index = max(self.gpus, key=self.gpus.count)  # the one that fewest others use
            self.gpus.remove(state.gpu_index)
        return True

    def give_back(self, state: LocalTask) -> None:
        """Free what was set aside for a task."""
        self.cores += state.cores
        if state.gpu_index is not None:
            self.gpus.append(state.gpu_index)


def run(request: Request) -> Sequence[WatchedTask]:
    """Run the tasks of a request and return how each ended.

    A failed task stops only those that need it. On KeyboardInterrupt all children are stopped and the interrupt
    passes on.
    """
    gpus, cores = visible_gpus() * request.room.runs_per_gpu, request.room.cores or usable_cores()
    cluster = request.plan.study.cluster
    # Editing the source meanwhile changes nothing.
    environment = import_environment([*take_snapshot(request.plan.experiments, request.folder), *_import_path()])
    inside = InSubmitit(enclosing_job(), (os.getpid(), born(os.getpid()) or ""))
    states = [
        LocalTask(share.task, share.cores, share.gpu) for share in shares(request.tasks, cluster, cores, len(gpus))
    ]
    budget = Budget(cores, list(gpus))
    by_key = {state.task.key: state for state in states}
    try:
        while any(state.state in ("waiting", "running") for state in states):
            for state in states:
                if state.state == "running" and _is_over(state):
                    _finish(state)
                    budget.give_back(state)
                elif state.state == "waiting":
                    needs = [by_key[need.key] for need in state.task.needs if need.key in by_key]
                    if is_blocked(state, needs):
                        state.state = "skipped"
                    elif is_ready(state, needs) and _has_room(state, states, cluster) and budget.take(state):
                        _start(state, request.folder, cluster, environment, inside)
            request.watch(states)
            time.sleep(POLL_S)
    except KeyboardInterrupt:
        _stop(states)
        raise
    return states


def _import_path() -> list[Path]:
    return [Path(folder) for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]


def _has_room(state: LocalTask, states: Sequence[LocalTask], cluster: ClusterConfig) -> bool:
    cap = cluster.stage(state.task.stage).parallelism
    running = sum(other.state == "running" and other.task.stage == state.task.stage for other in states)
    return cap is None or running < cap


def _start(
    state: LocalTask, folder: Path, cluster: ClusterConfig, environment: Mapping[str, str], inside: InSubmitit
) -> None:
    task = state.task
    executor = submitit.LocalExecutor(folder)
    executor.update_parameters(
        timeout_min=NO_LIMIT_MIN,
        gpus_per_node=int(state.gpu),
        visible_gpus=() if state.gpu_index is None else (_Named(state.gpu_index),),
        stderr_to_stdout=True,
        setup=list(cluster.stage(task.stage).setup or ()),
    )
    state.mark = f"{folder / task.stage}-{task.name}"
    with (
        _children_complain_to(folder / "controllers.log"),
        _children_inherit({**environment, MARK: state.mark}),
    ):
        call = TaskCall.of(task, folder, inside, cores=state.cores, gpus=int(state.gpu), code=folder / CODE)
        state.job = executor.submit(call)
    state.log, state.submission = str(state.job.paths.stdout), folder.name
    state.state, state.started = "running", time.time()


class _Named(int):
    """A GPU for submitit, which takes numbers only but writes them into CUDA_VISIBLE_DEVICES as text."""

    def __new__(cls, gpu: Gpu) -> "_Named":
        number = super().__new__(cls, 0)
        number.gpu = gpu
        return number

    gpu: Gpu

    def __str__(self) -> str:
        return str(self.gpu)


@contextmanager
def _children_complain_to(log: Path) -> Iterator[None]:
    """Let processes that start in this block write their errors to a file instead of our terminal.

    submitit's controllers inherit the terminal, and on Ctrl-C each would print its stack over the
    live view. (What a task itself prints goes to its own log in any case.)
    """
    ours = os.dup(2)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(ours, 2)
        os.close(ours)


@contextmanager
def _children_inherit(environment: Mapping[str, str]) -> Iterator[None]:
    """Give processes that start in this block some variables; this process keeps its own."""
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _is_over(state: LocalTask) -> bool:
    """Say whether nothing of a task runs on: it outlives submitit's process that minds it, if that is killed."""
    return state.job is not None and state.job.done() and not _living(state)


def _living(state: LocalTask) -> list[int]:
    """Return the process of a task, by its own record; before it has one, the processes that are about to become it."""
    attempt = _own_attempt(state)
    if not attempt:
        return started_with(f"{MARK}={state.mark}", "submitit.")
    return [attempt.pid] if lives(attempt) else []


def _finish(state: LocalTask) -> None:
    """Learn how a process ended: from the task's own record first, which knows the error."""
    state.seconds = time.time() - state.started
    attempt = _own_attempt(state)
    if attempt and attempt.outcome == "done":
        state.state = "done"
        return
    state.state = "failed"
    if attempt and attempt.outcome == "running":  # it died without a word
        close_attempt(state.task.attempts, attempt, "failed", "Killed", _why_silent(state.task.attempts))
    if attempt:
        state.error = attempt.fault()
    else:
        state.error = "the process ended before the task began"


def _why_silent(folder: Path) -> str:
    """Return why a process may have ended without a word: on a full disk it cannot leave any."""
    full = full_disk(folder)
    return f"the process ended without a word{f', and {full}' if full else ' (killed, or out of memory?)'}"


def _own_attempt(state: LocalTask) -> Attempt | None:
    attempt = last_attempt(state.task.attempts, *state.task.key)
    return attempt if attempt and attempt.submission == state.submission else None


def _stop(states: Sequence[LocalTask]) -> None:
    """Interrupt every child, and wait until none is left."""
    running = [state for state in states if state.state == "running" and state.job is not None]
    for state in running:
        state.job.cancel()  # type: ignore[union-attr]
    end = time.monotonic() + 15
    told: set[int] = set()
    while (left := [state for state in running if not _is_over(state)]) and time.monotonic() < end:
        alone = [state for state in left if state.job.done()]  # type: ignore[union-attr]
        for pid in {pid for state in alone for pid in _living(state)} - told:
            told.add(pid)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)
        time.sleep(POLL_S)
    for state in running:
        attempt = _own_attempt(state)
        if attempt and attempt.outcome == "running":
            why = "stopped from the keyboard"
            close_attempt(state.task.attempts, attempt, "interrupted", "KeyboardInterrupt", why)
        state.state, state.error = "failed", "interrupted"
