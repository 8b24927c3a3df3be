"""What people see: the plan as a table, the live view of a local execution, how it ended."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from jobs.attempt import last_attempt
from runner.executors.executor import WatchedTask, Watcher
from runner.record.matching import task_text
from runner.record.progress import progress_text
from runner.study.plan import PlannedTask
from runner.study.stages import STAGES
from srcnn.pages import page
from srcnn.words import counted, duration

REFRESH_S = 0.5
LINE_EVERY_S = 15.0  # of progress, where there is no terminal to redraw


def plan_table(planned: Sequence[PlannedTask], missing: Sequence[PlannedTask], asks: Mapping[str, str]) -> Table:
    """Return a table: stage, tasks, already done, what one task of it ``asks`` for, what each waits for."""
    table = Table(box=None, pad_edge=False)
    for column in ("stage", "tasks", "done", "to do"):
        table.add_column(column, justify="left" if column == "stage" else "right", no_wrap=True)
    table.add_column("one task asks for")
    table.add_column("waits for")
    for stage in STAGES:
        tasks = [task for task in planned if task.stage == stage]
        if tasks:
            todo = sum(task.stage == stage for task in missing)
            needs = [*STAGES[stage].needs, *STAGES[stage].after]
            asked, waits = asks.get(stage, "-"), ", ".join(needs) or "-"
            table.add_row(stage, str(len(tasks)), str(len(tasks) - todo), str(todo), asked, waits)
    return table


@contextmanager
def watching(console: Console) -> Iterator[Watcher]:
    """Give a watcher for an executor that waits: a table that redraws itself, or lines where there is no terminal."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    start = time.monotonic()
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        shown = -REFRESH_S

        def watch(states: Sequence[WatchedTask]) -> None:
            nonlocal shown
            if time.monotonic() - shown >= REFRESH_S:
                shown = time.monotonic()
                live.update(_table(states, shown - start))

        yield watch


def _table(states: Sequence[WatchedTask], elapsed: float) -> Group:
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


def _running(states: Sequence[WatchedTask]) -> list[WatchedTask]:
    return [state for state in states if state.state == "running"]


def _progress(state: WatchedTask) -> str:
    attempt = last_attempt(state.task.attempts, *state.task.key)
    name = task_text(state.task)
    if not attempt or attempt.outcome != "running" or not attempt.total:
        return f"{name}: starting"
    progress = progress_text(state.task.stage, attempt.done, attempt.total, attempt.seconds_left)
    return f"{name}: {progress}  {attempt.note}"


class _Lines:
    """A line for every task that starts or ends, and one now and then for those that run."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.states: dict[tuple[str, str], str] = {}
        self.spoke = time.monotonic()

    def __call__(self, states: Sequence[WatchedTask]) -> None:
        for state in states:
            if self.states.get(state.task.key, "waiting") != state.state:
                self.states[state.task.key] = state.state
                after = f" after {duration(state.seconds)}" if state.state in ("done", "failed") else ""
                why = f": {state.error}" if state.error else ""
                self._say(f"{task_text(state.task)} {state.state}{after}{why}")
        if time.monotonic() - self.spoke > LINE_EVERY_S:
            for state in _running(states):
                self._say(_progress(state))

    def _say(self, text: str) -> None:
        self.spoke = time.monotonic()
        self.console.print(f"{time.strftime('%H:%M:%S')} {text}", markup=False, highlight=False, soft_wrap=True)


def print_failures(console: Console, states: Sequence[WatchedTask], retry: str) -> None:
    """Print what failed, why, where to read more, and the command that tries again."""
    for state in states:
        if state.state == "failed":
            console.print(f"\nfailed: {task_text(state.task)}", style="bold red")
            console.print(f"  {state.error}\n  log: {state.log}", markup=False, highlight=False, soft_wrap=True)
    skipped = [state for state in states if state.state == "skipped"]
    if skipped:
        console.print(f"\nnot started, because what they need failed: {counted(len(skipped), 'task')}")
    console.print(f"\nWhat finished is kept. Try the rest again with:\n  {retry}", highlight=False, soft_wrap=True)
    console.print(f"more: {page('how-to/jobs.md')}", markup=False, highlight=False, soft_wrap=True)
