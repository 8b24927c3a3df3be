"""Running a plan on this machine: a task starts when what it needs is there and cores are free.

submitit starts each task in a process of its own; what to start when is decided here, because
its LocalExecutor would start everything at once and knows no dependencies.
"""

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from jobs.attempt import attempt_files, last_attempt, last_attempts
from jobs.job import usable_cores
from jobs.processes import born, is_alive, kill_tree, started_with
from runner.executors.gpus import Gpu, visible_gpus
from runner.executors.snapshot import CODE, import_environment, take_snapshot
from runner.executors.task import TaskCall
from runner.study.cluster import ClusterConfig
from runner.study.plan import Plan, Task
from runner.study.stages import STAGES
from srcnn.door import full_disk
from srcnn.files import write_json
from srcnn.schema import Attempt

if TYPE_CHECKING:
    import submitit

State = Literal["waiting", "running", "done", "failed", "skipped"]
POLL_S = 0.2
ORPHANS_S = 5.0
NO_LIMIT_MIN = 60 * 24 * 365
MARK = "SRCNN_TASK"  # the variable that a task's processes have of their runner


@dataclass
class TaskState:
    """Where one task of a local execution stands."""

    task: Task
    cores: int
    gpu: bool
    state: State = "waiting"
    submission: str = ""
    mark: str = ""
    job: "submitit.Job[Any] | None" = None
    gpu_index: Gpu | None = None
    started: float = 0.0
    seconds: float = 0.0
    error: str = ""
    log: str | None = None


@dataclass
class Budget:
    """Cores and GPUs that are free."""

    cores: int
    gpus: list[Gpu] = field(default_factory=list)

    def take(self, state: TaskState) -> bool:
        """Set aside what a task needs; False if it is not free now."""
        if state.cores > self.cores or (state.gpu and not self.gpus):
            return False
        self.cores -= state.cores
        state.gpu_index = self.gpus.pop(0) if state.gpu else None
        return True

    def give_back(self, state: TaskState) -> None:
        """Return what a task had."""
        self.cores += state.cores
        if state.gpu_index is not None:
            self.gpus.append(state.gpu_index)


Watcher = Callable[[list[TaskState]], None]


def local_states(tasks: Iterable[Task], cluster: ClusterConfig, cores: int, gpus: int) -> list[TaskState]:
    """The tasks with the cores and GPU that each gets: a stage's tasks share the machine evenly."""
    tasks = list(tasks)
    counts = {stage: sum(task.stage == stage for task in tasks) for stage in {task.stage for task in tasks}}
    resources = {stage: cluster.stage(stage) for stage in counts}
    states = []
    for task in tasks:
        on_gpu = resources[task.stage].gpu_count > 0 and gpus > 0
        abreast = min(counts[task.stage], gpus if on_gpu else cores, resources[task.stage].parallelism or cores)
        share = max(1, cores // abreast)
        states.append(TaskState(task, min(cluster.local_cpus(task.stage) or share, cores), on_gpu))
    return states


def run_local(plan: Plan, tasks: list[Task], folder: Path, watch: Watcher, cores: int | None = None) -> list[TaskState]:
    """Run the tasks and return how each ended. ``folder`` takes submitit's files and the logs.

    A failed task stops only those that need it. On KeyboardInterrupt all children are stopped and
    the interrupt passes on.
    """
    gpus = visible_gpus()
    cores = cores or usable_cores()
    # Editing the source meanwhile changes nothing.
    environment = import_environment([*take_snapshot(plan, folder), *_import_path()])
    states = local_states(tasks, plan.study.cluster, cores, len(gpus))
    budget = Budget(cores, list(gpus))
    by_key = {state.task.key: state for state in states}
    # A closed terminal or a polite kill stops the children as Ctrl-C does.
    restore = {number: signal.signal(number, _interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
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
                    elif _is_ready(state, needs) and _has_room(state, states, plan) and budget.take(state):
                        _start(state, folder, plan, environment)
            watch(states)
            time.sleep(POLL_S)
    except KeyboardInterrupt:
        _stop(states)
        raise
    finally:
        for number, handler in restore.items():
            signal.signal(number, handler)
    return states


def _import_path() -> list[Path]:
    return [Path(folder) for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]


def end_orphans(plan: Plan) -> int:
    """End tasks that outlived a runner which was killed; how many there were.

    They end by themselves within a second. This waits for it, so that no two copies write at once.
    """
    folders = {task.attempts for task in plan.tasks}
    found = [attempt for folder in folders for attempt, _ in last_attempts(folder).values()]
    orphans = [each for each in found if each.outcome == "running" and is_alive(each.host, each.pid, each.born)]
    end = time.monotonic() + ORPHANS_S
    while any(is_alive(each.host, each.pid, each.born) for each in orphans) and time.monotonic() < end:
        time.sleep(POLL_S)
    for each in orphans:
        kill_tree(each.pid, each.born)
    return len(orphans)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def is_blocked(state: TaskState, needs: list[TaskState]) -> bool:
    """Whether a task can never start because one that it needs did not finish; the reason is noted."""
    failed = [need.task for need in needs if need.state in ("failed", "skipped")]
    if failed and not STAGES[state.task.stage].after:
        state.error = f"needs {failed[0].stage} {failed[0].name}, which did not finish"
        return True
    return False


def _is_ready(state: TaskState, needs: list[TaskState]) -> bool:
    ended = ("done", "failed", "skipped") if STAGES[state.task.stage].after else ("done",)
    return all(need.state in ended for need in needs)


def _has_room(state: TaskState, states: list[TaskState], plan: Plan) -> bool:
    cap = plan.study.cluster.stage(state.task.stage).parallelism
    running = sum(other.state == "running" and other.task.stage == state.task.stage for other in states)
    return cap is None or running < cap


def _start(state: TaskState, folder: Path, plan: Plan, environment: Mapping[str, str]) -> None:
    import submitit

    task = state.task
    executor = submitit.LocalExecutor(folder)
    executor.update_parameters(
        timeout_min=NO_LIMIT_MIN,
        gpus_per_node=int(state.gpu),
        visible_gpus=() if state.gpu_index is None else (_Named(state.gpu_index),),
        stderr_to_stdout=True,
        setup=list(plan.study.cluster.stage(task.stage).setup or ()),
    )
    state.mark = f"{folder / task.stage}-{task.name}"
    with (
        _children_complain_to(folder / "controllers.log"),
        _children_inherit({**environment, MARK: state.mark}),
    ):
        runner = os.getpid(), born(os.getpid()) or ""
        code, name, gpus = folder / CODE, folder.name, int(state.gpu)
        call = TaskCall(
            task.job, task.stage, task.name, task.attempts, name, state.cores, gpus, runner=runner, code=code
        )
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
    """Processes started in this block write their errors to a file instead of our terminal.

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
    """Processes started in this block have these variables; we keep ours."""
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


def _is_over(state: TaskState) -> bool:
    """Whether nothing of a task runs on: it outlives the process of submitit's that minds it, if that is killed."""
    return state.job is not None and state.job.done() and not _living(state)


def _living(state: TaskState) -> list[int]:
    """The process of a task, by its own record; before it has one, those that are about to become it."""
    attempt = _own_attempt(state)
    if not attempt:
        return started_with(f"{MARK}={state.mark}", "submitit.")
    return [attempt.pid] if is_alive(attempt.host, attempt.pid, attempt.born) else []


def _finish(state: TaskState) -> None:
    """Learn how a process ended: from the task's own record first, which knows the error."""
    state.seconds = time.time() - state.started
    attempt = _own_attempt(state)
    if attempt and attempt.outcome == "done":
        state.state = "done"
        return
    state.state = "failed"
    if attempt and attempt.outcome == "running":  # it died without a word
        _close(state, attempt, "failed", "Killed", _why_silent(state.task.attempts))
    if attempt:
        state.error = attempt.fault()
    else:
        state.error = "the process ended before the task began"


def _why_silent(folder: Path) -> str:
    """Why a process may have ended without a word: on a full disk it cannot leave any."""
    full = full_disk(folder)
    return f"the process ended without a word{f', and {full}' if full else ' (killed, or out of memory?)'}"


def _own_attempt(state: TaskState) -> Attempt | None:
    attempt = last_attempt(state.task.attempts, *state.task.key)
    return attempt if attempt and attempt.submission == state.submission else None


def _close(state: TaskState, attempt: Attempt, outcome: Literal["failed", "interrupted"], cause: str, why: str) -> None:
    attempt.outcome, attempt.cause, attempt.message, attempt.end = outcome, cause, why, time.time()
    write_json(attempt_files(state.task.attempts, *state.task.key)[-1], attempt.to_json())


def _stop(states: list[TaskState]) -> None:
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
            _close(state, attempt, "interrupted", "KeyboardInterrupt", "stopped from the keyboard")
        state.state, state.error = "failed", "interrupted"
