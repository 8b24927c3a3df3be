"""Showing where a study stands."""

import json
import time
from dataclasses import asdict
from typing import Any

from rich.live import Live

from runner.record.state import StudyStatus, study_status
from runner.record.verdict import STATES
from runner.status_page import page
from srcnn.door import is_unread
from srcnn.paths import StudyPaths
from srcnn.terminal import Terminal


def exit_status(status: StudyStatus) -> int:
    """Return 4 if a job is held, 3 if a task is under way or unsent, 1 if only failures are left, 0 if all is done."""
    if status.of("held"):
        return 4
    if status.of("running") or status.of("waiting"):
        return 3
    return 1 if status.of("failed") else 3 if status.of("missing") else 0


def show_status(paths: StudyPaths, in_json: bool, every_s: float | None) -> StudyStatus:
    """Print where a study stands, in JSON or as a page, and return it.

    Where ``every_s`` is given, the page is shown again after so many seconds until nothing runs or waits.
    Raises FileNotFoundError for a folder that is no submitted study.
    """
    status = _look(paths)
    if in_json:
        print(json.dumps(as_json(status), indent=1))
    elif every_s is not None:
        status = _watch(paths, status, every_s)
    else:
        _print(status)
    return status


def _look(paths: StudyPaths) -> StudyStatus:
    return study_status(paths, time.time())


def _print(status: StudyStatus) -> None:
    console = Terminal(soft_wrap=True)
    console.print(page(status, console))


def _watch(paths: StudyPaths, status: StudyStatus, every_s: float) -> StudyStatus:
    console = Terminal()
    if not console.is_terminal:
        while True:
            _print(status)
            if exit_status(status) != 3 or status.of("missing") or is_unread():
                return status
            time.sleep(every_s)
            status = _look(paths)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while True:
            live.update(page(status, console, console.height - 1), refresh=True)  # the cursor has the last row
            if not any(task.under_way for task in status.tasks):
                break
            time.sleep(every_s)
            status = _look(paths)
    _print(status)
    return status


def as_json(status: StudyStatus) -> dict[str, Any]:
    """Return the status as JSON values: counts, notes, and every task with all that is known of it."""
    counts = {state: len(status.of(state)) for state in STATES}
    return {
        "study": str(status.folder),
        "time": status.time,
        "counts": counts,
        "notes": status.notes,
        "runner": asdict(status.runner) if status.runner else None,
        "tasks": [asdict(task) for task in status.tasks],
    }
