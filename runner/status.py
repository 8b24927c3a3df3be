"""``python -m runner.status STUDY_DIR``: where a study stands, what failed and why, what to do."""

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srcnn.called import called
from srcnn.door import answer, is_unread, sentence
from srcnn.paths import StudyPaths

if TYPE_CHECKING:
    from runner.record.state import StudyStatus

WATCH_S = 5.0  # between two looks: each asks the scheduler once


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    p = argparse.ArgumentParser(
        prog=called("runner.status"),
        description="Where a study stands: done, running, waiting (for what), held, failed (why), and the command that "
        "helps. Exit status: 0 all done, 1 something failed, 3 under way or not submitted, 4 a job is held and waits "
        "for ever unless it is released.",
    )
    p.add_argument("study", type=Path, help="the study's folder")
    p.add_argument("--json", action="store_true", help="every task, as JSON")
    p.add_argument("--watch", action="store_true", help=f"look again every {WATCH_S:.0f} s until nothing runs or waits")
    return p


@answer
def main(argv: list[str] | None = None) -> int:
    """Return what ``exit_status`` says of the study; 2 if there is none, 130 on Ctrl-C."""
    arguments = parser().parse_args(argv)
    paths = StudyPaths(arguments.study.expanduser().resolve())
    try:
        status = _look(paths)
        if arguments.json:
            print(json.dumps(as_json(status), indent=1))
        elif arguments.watch:
            status = _watch(paths, status)
        else:
            _print(status)
    except FileNotFoundError as error:
        print(f"error: {sentence(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return exit_status(status)


def exit_status(status: "StudyStatus") -> int:
    """Return 4 if a job is held, 3 if a task is under way or unsent, 1 if only failures are left, 0 if all is done."""
    if status.of("held"):
        return 4
    if status.of("running") or status.of("waiting"):
        return 3
    return 1 if status.of("failed") else 3 if status.of("missing") else 0


def _look(paths: StudyPaths) -> "StudyStatus":
    from runner.record.state import study_status

    return study_status(paths, time.time())


def _print(status: "StudyStatus") -> None:
    from runner.status_page import page
    from srcnn.terminal import Terminal

    console = Terminal(soft_wrap=True)
    console.print(page(status, console))


def _watch(paths: StudyPaths, status: "StudyStatus") -> "StudyStatus":
    from rich.live import Live

    from runner.status_page import page
    from srcnn.terminal import Terminal

    console = Terminal()
    if not console.is_terminal:
        while True:
            _print(status)
            if exit_status(status) != 3 or status.of("missing") or is_unread():
                return status
            time.sleep(WATCH_S)
            status = _look(paths)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while True:
            live.update(page(status, console, console.height - 1), refresh=True)  # the cursor has the last row
            if not any(task.under_way for task in status.tasks):
                break
            time.sleep(WATCH_S)
            status = _look(paths)
    _print(status)
    return status


def as_json(status: "StudyStatus") -> dict[str, Any]:
    """Return the status as JSON values: counts, notes, and every task with all that is known of it."""
    from runner.record.verdict import STATES

    counts = {state: len(status.of(state)) for state in STATES}
    return {
        "study": str(status.folder),
        "time": status.time,
        "counts": counts,
        "notes": status.notes,
        "runner": asdict(status.runner) if status.runner else None,
        "tasks": [asdict(task) for task in status.tasks],
    }


if __name__ == "__main__":
    sys.exit(main())
