"""What people see: the plan as a table, the live view of a local execution, how it ended."""

import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from jobs.attempt import last_attempt
from jobs.job import usable_cores
from runner.executors.gpus import visible_gpus
from runner.executors.local import TaskState, Watcher, local_states
from runner.executors.slurm.site import with_site_options
from runner.study.cluster import StageResources
from runner.study.plan import Plan, Task
from runner.study.stages import STAGES
from srcnn.words import counted, duration

REFRESH_S = 0.5
LINE_EVERY_S = 15.0  # of progress, where there is no terminal to redraw


def plan_table(plan: Plan, missing: list[Task], executor: str, cores: int | None) -> Table:
    """Stage, tasks, already done, resources of one task, what each waits for."""
    table = Table(box=None, pad_edge=False)
    states = local_states(missing, plan.study.cluster, cores or usable_cores(), len(visible_gpus()))
    here = {state.task.stage: state for state in states}
    for column in ("stage", "tasks", "done", "to do"):
        table.add_column(column, justify="left" if column == "stage" else "right", no_wrap=True)
    table.add_column("one task asks for")
    table.add_column("waits for")
    for stage in STAGES:
        tasks = plan.stage(stage)
        if tasks:
            todo = sum(task.stage == stage for task in missing)
            needs = [*STAGES[stage].needs, *STAGES[stage].after]
            resources = plan.study.cluster.stage(stage)
            asks = resources_text(resources) if executor == "slurm" else _local_text(here.get(stage))
            table.add_row(stage, str(len(tasks)), str(len(tasks) - todo), str(todo), asks, ", ".join(needs) or "-")
    return table


def resources_text(resources: StageResources) -> str:
    """Resources in words, most important first; what the environment chooses where they say nothing is among them."""
    resources = with_site_options(resources)
    parts = [
        f"{resources.partition or 'default'} partition",
        *(f"{count} {kind} GPU".replace("  ", " ") for kind, count in resources.gpu_kinds.items()),
        f"gres {resources.gres}" if resources.gres else "",
        f"{counted(resources.cpus or 0, 'core')}",
        f"{resources.mem_gb:g} GB" if resources.mem_gb else "",
        f"{resources.mem_per_cpu_gb:g} GB a core" if resources.mem_per_cpu_gb else "",
        f"{resources.timeout_min} min",
        *(
            f"{name} {value}"
            for name in ("account", "qos", "constraint", "wckey")
            if (value := getattr(resources, name))
        ),
        _EXCLUSIVE[resources.exclusive or False],
        *(f"--{name}" if value is True else f"--{name}={value}" for name, value in resources.sbatch.items()),
        f"run by {shlex.join(resources.python)}" if resources.python else "",
    ]
    return ", ".join(part for part in parts if part)


_EXCLUSIVE = {
    False: "",
    True: "whole nodes",
    "user": "nodes shared with one's own jobs only",
    "mcs": "nodes shared with jobs of one's own group only",
}


def _local_text(state: TaskState | None) -> str:
    if state is None:
        return "-"
    cores = counted(state.cores, "core")
    return f"1 GPU, {cores}" if state.gpu else cores


@contextmanager
def watching(console: Console) -> Iterator[Watcher]:
    """A watcher for ``run_local``: a table that redraws itself, or lines where there is no terminal."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    start = time.monotonic()
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        shown = -REFRESH_S

        def watch(states: list[TaskState]) -> None:
            nonlocal shown
            if time.monotonic() - shown >= REFRESH_S:
                shown = time.monotonic()
                live.update(_table(states, shown - start))

        yield watch


def _table(states: list[TaskState], elapsed: float) -> Group:
    table = Table(box=None, pad_edge=False)
    for column in ("stage", "done", "running", "waiting", "failed"):
        table.add_column(column, justify="left" if column == "stage" else "right")
    for stage in STAGES:
        of_stage = [state for state in states if state.task.stage == stage]
        if of_stage:
            count = {s: sum(state.state == s for state in of_stage) for s in ("done", "running", "waiting")}
            failed = len(of_stage) - sum(count.values())
            table.add_row(
                stage, *(str(value or "-") for value in count.values()), Text(str(failed or "-"), "red" * bool(failed))
            )
    running = [Text(f"  {_progress(state)}", overflow="ellipsis", no_wrap=True) for state in _running(states)[:12]]
    return Group(table, *running, Text(f"  {duration(elapsed)}, Ctrl-C stops; submitting again goes on", "dim"))


def _running(states: list[TaskState]) -> list[TaskState]:
    return [state for state in states if state.state == "running"]


def _progress(state: TaskState) -> str:
    attempt = last_attempt(state.task.attempts, *state.task.key)
    name = f"{state.task.stage} {state.task.label or state.task.name}"
    if not attempt or attempt.outcome != "running" or not attempt.total:
        return f"{name}: starting"
    left = f", about {duration(attempt.seconds_left)} left" if attempt.seconds_left else ""
    return f"{name}: {attempt.done}/{attempt.total}{left}  {attempt.note}"


class _Lines:
    """A line for every task that starts or ends, and one now and then for those that run."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.states: dict[tuple[str, str], str] = {}
        self.spoke = time.monotonic()

    def __call__(self, states: list[TaskState]) -> None:
        for state in states:
            if self.states.get(state.task.key, "waiting") != state.state:
                self.states[state.task.key] = state.state
                after = f" after {duration(state.seconds)}" if state.state in ("done", "failed") else ""
                why = f": {state.error}" if state.error else ""
                self._say(f"{state.task.stage} {state.task.label or state.task.name} {state.state}{after}{why}")
        if time.monotonic() - self.spoke > LINE_EVERY_S:
            for state in _running(states):
                self._say(_progress(state))

    def _say(self, text: str) -> None:
        self.spoke = time.monotonic()
        self.console.print(f"{time.strftime('%H:%M:%S')} {text}", markup=False, highlight=False, soft_wrap=True)


def print_failures(console: Console, states: list[TaskState], retry: str) -> None:
    """What failed, why, where to read more, and the command that tries again."""
    for state in states:
        if state.state == "failed":
            console.print(f"\nfailed: {state.task.stage} {state.task.label or state.task.name}", style="bold red")
            console.print(f"  {state.error}\n  log: {state.log}", markup=False, highlight=False, soft_wrap=True)
    skipped = [state for state in states if state.state == "skipped"]
    if skipped:
        console.print(f"\nnot started, because what they need failed: {counted(len(skipped), 'task')}")
    console.print(f"\nWhat finished is kept. Try the rest again with:\n  {retry}", highlight=False, soft_wrap=True)
