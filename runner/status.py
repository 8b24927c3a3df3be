"""``python -m runner.status STUDY_DIR``: where a study stands, what failed and why, what to do."""

import argparse
import json
import shlex
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srcnn.door import command, is_unread
from srcnn.paths import StudyPaths

if TYPE_CHECKING:
    from rich.console import Console, Group, RenderableType

    from runner.state import StudyStatus, TaskStatus

WATCH_S = 5.0  # between two looks: each asks the scheduler once
SHOWN = 12  # running tasks, and groups of failures


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m runner.status",
        description="Where a study stands: done, running, waiting (for what), failed (why), and the command that "
        "helps. Exit status: 0 all done, 1 something failed, 3 under way or not submitted.",
    )
    p.add_argument("study", type=Path, help="the study's folder")
    p.add_argument("--json", action="store_true", help="every task, as JSON")
    p.add_argument("--watch", action="store_true", help=f"look again every {WATCH_S:.0f} s until nothing runs or waits")
    return p


@command
def main(argv: list[str] | None = None) -> int:
    """0 all done, 1 something failed, 2 no study, 3 under way or not submitted, 130 on Ctrl-C."""
    arguments = parser().parse_args(argv)
    paths = StudyPaths(arguments.study.expanduser().resolve())
    try:
        status = _look(paths)
        if arguments.json:
            print(json.dumps(as_json(status), indent=1))
        elif arguments.watch:
            status = _watch(paths, status)
        else:
            _console().print(as_text(status))
    except FileNotFoundError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return exit_status(status)


def exit_status(status: "StudyStatus") -> int:
    """0 all done, 3 something runs, waits or was never submitted, 1 something failed and nothing is under way."""
    if status.of("running") or status.of("waiting"):
        return 3
    return 1 if status.of("failed") else 3 if status.of("missing") else 0


def _look(paths: StudyPaths) -> "StudyStatus":
    from runner.state import study_status

    return study_status(paths, time.time())


def _console() -> "Console":
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True)


def _watch(paths: StudyPaths, status: "StudyStatus") -> "StudyStatus":
    from rich.live import Live

    console = _console()
    if not console.is_terminal:
        while True:
            console.print(as_text(status))
            if exit_status(status) != 3 or status.of("missing") or is_unread():
                return status
            time.sleep(WATCH_S)
            status = _look(paths)
    with Live(as_text(status), console=console, auto_refresh=False) as live:
        while status.of("running") or status.of("waiting"):
            time.sleep(WATCH_S)
            status = _look(paths)
            live.update(as_text(status), refresh=True)
    return status


def as_json(status: "StudyStatus") -> dict[str, Any]:
    """Counts, notes, and every task with all that is known of it."""
    counts = {state: len(status.of(state)) for state in ("done", "running", "waiting", "failed", "missing")}
    return {
        "study": str(status.folder),
        "counts": counts,
        "notes": status.notes,
        "runner": asdict(status.runner) if status.runner else None,
        "tasks": [asdict(task) for task in status.tasks],
    }


@dataclass(frozen=True)
class FailureGroup:
    """Failures of one stage that have one cause."""

    tasks: "list[TaskStatus]"

    @property
    def first(self) -> "TaskStatus":
        """An example."""
        return self.tasks[0]


def failure_groups(failed: "Iterable[TaskStatus]") -> list[FailureGroup]:
    """Failures by stage, cause and message (numbers, paths and ids aside), largest group first."""
    import re

    groups: dict[tuple[str, str | None, str], list[TaskStatus]] = {}
    for task in failed:
        first = task.detail.strip().splitlines()[0] if task.detail.strip() else ""
        pattern = re.sub(r"\S*/\S*|\b[0-9a-f]{8,}\b|\b[a-z][0-9a-f]{8,}\b|\d+", "#", first)
        groups.setdefault((task.stage, task.cause, pattern), []).append(task)
    return sorted((FailureGroup(tasks) for tasks in groups.values()), key=lambda group: -len(group.tasks))


def as_text(status: "StudyStatus") -> "Group":
    """The page: stages, what runs, what waits, what failed, what to do."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [Text(f"{status.folder.name}  {status.folder}", "bold"), _stage_table(status)]
    parts += [Text(f"note: {note}", "yellow") for note in status.notes]
    parts += _running_lines(status) + _waiting_lines(status) + _failure_lines(status) + _advice_lines(status)
    return Group(*parts)


def _stage_table(status: "StudyStatus") -> "RenderableType":
    from rich.table import Table
    from rich.text import Text

    from runner.cluster import STAGES

    table = Table(box=None, pad_edge=False)
    states = ("done", "running", "waiting", "failed", "missing")
    for column in ("stage", *states):
        table.add_column(column, justify="left" if column == "stage" else "right")
    for stage in STAGES:
        of_stage = [task for task in status.tasks if task.stage == stage]
        if of_stage:
            counts = [sum(task.state == state for task in of_stage) for state in states]
            style = {"failed": "red", "running": "green"}
            cells = [Text(str(n or "-"), style.get(s, "") if n else "dim") for n, s in zip(counts, states, strict=True)]
            table.add_row(stage, *cells)
    return table


def _running_lines(status: "StudyStatus") -> "list[RenderableType]":
    from rich.text import Text

    running = status.of("running")
    if not running:
        return []
    lines: list[RenderableType] = [Text("\nrunning", "bold")]
    lines += [Text(f"  {_progress(task)}") for task in running[:SHOWN]]
    if len(running) > SHOWN:
        lines.append(Text(f"  and {len(running) - SHOWN} more", "dim"))
    return lines


def _progress(task: "TaskStatus") -> str:
    from runner.matching import task_text
    from runner.view import duration

    where = f" on {task.host}" if task.host and task.job else ""
    if not task.total:
        return f"{task_text(task)}: {task.detail or 'starting'}{where}"
    unit = "epoch " if task.stage == "train" else ""
    left = f", about {duration(task.seconds_left)} left" if task.seconds_left is not None else ""
    return f"{task_text(task)}: {unit}{task.done} of {task.total}{left}{where}  {task.note}"


def _waiting_lines(status: "StudyStatus") -> "list[RenderableType]":
    from collections import Counter

    from rich.text import Text

    waiting = Counter((task.stage, task.detail) for task in status.of("waiting"))
    if not waiting:
        return []
    lines: list[RenderableType] = [Text("\nwaiting", "bold")]
    lines += [Text(f"  {stage} ({n}) for {detail}") for (stage, detail), n in waiting.most_common(SHOWN)]
    return lines


def _failure_lines(status: "StudyStatus") -> "list[RenderableType]":
    from rich.text import Text

    from runner.matching import task_text

    lines: list[RenderableType] = []
    for group in failure_groups(status.of("failed"))[:SHOWN]:
        task = group.first
        count = f"{len(group.tasks)} tasks, one cause" if len(group.tasks) > 1 else task_text(task)
        lines.append(Text(f"\nfailed: {task.stage}: {count}: {task.cause}", "bold red"))
        lines += [Text(f"  {line}") for line in task.detail.strip().splitlines()[:4]]
        if len(group.tasks) > 1:
            names = ", ".join(each.label or each.name for each in group.tasks[:4])
            lines.append(Text(f"  {names}{', ...' * (len(group.tasks) > 4)}", "dim"))
        if task.log and task.cause != "dependency":
            lines.append(Text(f"  log: {task.log}", "dim"))
    return lines


def _advice_lines(status: "StudyStatus") -> "list[RenderableType]":
    """The commands that help now."""
    from rich.text import Text

    study = shlex.quote(str(status.folder))
    causes = {task.cause for task in status.of("failed")}
    advice = []
    if status.of("running"):
        advice.append(f"python -m runner.logs {study} --follow")
    if causes - {"dependency"}:
        advice.append(f"python -m runner.logs {study} --failed")
    raised = [
        option
        for cause, option in (("out of memory", "--mem-gb GB"), ("time limit", "--timeout-min MIN"))
        if cause in causes
    ]
    if status.of("failed") or (status.of("missing") and not status.runner):
        only = " --only failed" if raised else ""
        advice.append(f"python -m runner.submit {study}{only}{''.join(f' {option}' for option in raised)}")
    page = StudyPaths(status.folder).report_page
    lines: list[RenderableType] = []
    if page.exists():
        lines.append(Text(f"\nreport: {page}"))
    if advice:
        lines.append(Text("\nnext:", "bold"))
        lines += [Text(f"  {command}") for command in advice]
    return lines


if __name__ == "__main__":
    sys.exit(main())
