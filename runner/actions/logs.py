"""Showing the logs of a study's tasks, the one that matters now first."""

import argparse
import sys
import time
from collections.abc import Sequence

from jobs.attempt import attempt_files, read_attempt
from runner.record.follow import attempts_folder, follow, found_again
from runner.record.groups import failure_groups
from runner.record.judged import JudgedTask
from runner.record.matching import UnknownName, matching, of_stage, task_text
from runner.record.state import study_status
from runner.record.tail import ALONE, AMONG, last_lines
from runner.record.tasks import known_tasks
from srcnn.paths import StudyPaths
from srcnn.schema import Attempt

SHOWN = 6  # logs at once; of more the names


def show_logs(arguments: argparse.Namespace) -> None:
    """Print or follow the logs that the command line asks for.

    Raises FileNotFoundError if there is no such study, UnknownName if it has no such task.
    """
    paths = StudyPaths(arguments.study.expanduser().resolve())
    status = study_status(paths, time.time())
    for note in status.notes:
        print(f"note: {note}", file=sys.stderr)
    tasks = of_stage(status.tasks, arguments.stage) if arguments.stage else status.tasks
    if arguments.what:
        tasks = matching(tasks, arguments.what)
    if arguments.attempt is not None:
        _show_attempt(paths, tasks, arguments.attempt, arguments.lines)
        return
    if arguments.failed:
        _show_failed(paths, [task for task in tasks if task.state == "failed"], arguments.lines)
        return
    running = [task for task in tasks if task.state == "running"]
    waiting = [task for task in tasks if task.under_way and task not in running]
    # Whoever names a run wants to see it to its end; without a name it is what there is to see now.
    followed = running + waiting if arguments.what else running or waiting
    if arguments.follow and followed:
        follow(paths, followed, _asked(arguments.lines, AMONG))
    elif running:
        _show(paths, running, arguments.lines)
    elif any(task.state == "failed" for task in tasks):
        _show_failed(paths, [task for task in tasks if task.state == "failed"], arguments.lines)
    else:
        _show_last(paths, tasks, arguments.lines)


def _asked(lines: int | None, default: int) -> int | None:
    """Return how many lines to show; None stands for all."""
    return default if lines is None else lines or None


def _show(paths: StudyPaths, tasks: Sequence[JudgedTask], lines: int | None) -> None:
    """Print the ends of some logs, and the names of the others."""
    for task in tasks[:SHOWN]:
        _show_log(paths, task, _asked(lines, AMONG if len(tasks) > 1 else ALONE))
    _list_others(paths, tasks[SHOWN:])


def _show_last(paths: StudyPaths, tasks: Sequence[JudgedTask], lines: int | None) -> None:
    """Print the log of the task that ended last; if none has begun, what the tasks wait for."""
    attempts = {task.key: task.attempt for task in known_tasks(paths)}
    ends = {task.key: attempt.end or 0.0 for task in tasks if (attempt := attempts.get(task.key))}
    ended = [task for task in tasks if task.state == "done" and task.log and task.key in ends]
    if ended:
        _show(paths, [max(ended, key=lambda task: ends[task.key])], lines)
        return
    for task in tasks[:SHOWN]:
        print(_unbegun_text(task))
    if len(tasks) > SHOWN:
        print(f"and {len(tasks) - SHOWN} more")


def _unbegun_text(task: JudgedTask) -> str:
    if task.state == "done":
        return f"{task_text(task)} is done, and left no log"
    state = {"waiting": "it waits for ", "held": "it is held: "}.get(task.state, "") + task.detail
    earlier = f"; --attempt {task.attempts} shows the last attempt" if task.attempts else ""
    return f"{task_text(task)} has no log yet: {state}{earlier}"


def _show_log(paths: StudyPaths, task: JudgedTask, lines: int | None, attempt: Attempt | None = None) -> None:
    """Print a heading that says which attempt it is, and the end of its log."""
    attempts = _attempts(paths, task)
    log = attempt.log if attempt else task.log
    shared = [record.number for record in attempts if log and record.log == log]
    number = attempt.number if attempt else max(shared, default=None)
    which = f"attempt {number} of {max(task.attempts, number)}" if number else "before the first attempt"
    # A job that is started again appends.
    others = [str(other) for other in shared if other != number]
    also = f" (the file holds {', '.join(others)} too)" if others else ""
    if log is None:
        print(f"==> {task_text(task)}: {which} wrote no log <==")
        return
    file = found_again(paths, log)
    if not number and not file.exists():
        print(f"==> {task_text(task)}: it never began, and has no log <==")
        return
    print(f"==> {task_text(task)}: {which}{also}: {file} <==")
    text, _ = last_lines(file, lines)
    if not text:
        text = "(empty)\n" if file.exists() else "(there is no such file)\n"
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")


def _attempts(paths: StudyPaths, task: JudgedTask) -> list[Attempt]:
    """Return the attempts at a task that are on record."""
    files = attempt_files(attempts_folder(paths, task), task.stage, task.name)
    return [attempt for file in files if (attempt := read_attempt(file))]


def _show_attempt(paths: StudyPaths, tasks: Sequence[JudgedTask], number: int, lines: int | None) -> None:
    """Print the logs of the tasks' attempts of one number. Raises UnknownName if no task has it."""
    begun = [task for task in tasks if task.attempts >= number > 0]
    attempts = [(task, attempt) for task in begun for attempt in _attempts(paths, task) if attempt.number == number]
    if not attempts:
        most = max(tasks, key=lambda task: task.attempts)
        there = f"1 to {most.attempts} ({task_text(most)})" if most.attempts else "none; it never began"
        raise UnknownName(f"--attempt {number}: no such attempt; there are: {there}")
    for task, attempt in attempts[:SHOWN]:
        _show_log(paths, task, _asked(lines, AMONG if len(attempts) > 1 else ALONE), attempt)
    if len(attempts) > SHOWN:
        print(f"\nand {len(attempts) - SHOWN} more:")
    for task, attempt in attempts[SHOWN:]:
        print(f"  {task_text(task)}  {attempt.log}")


def _show_failed(paths: StudyPaths, failed: Sequence[JudgedTask], lines: int | None) -> None:
    """Print failures by their cause: the cause, the log of one task, the names of the others."""
    groups = failure_groups(failed)
    if not groups:
        print("Nothing failed.")
    for number, group in enumerate(groups):
        task = group.first
        print("\n" * bool(number) + group.failure)
        for line in group.detail_lines:
            print(f"  {line}")
        if task.cause != "dependency":  # it never began
            _show_log(paths, task, _asked(lines, ALONE if len(groups) == 1 else AMONG))
            _list_others(paths, group.tasks[1:])


def _list_others(paths: StudyPaths, tasks: Sequence[JudgedTask]) -> None:
    if tasks:
        print(f"and {len(tasks)} more:")
    for task in tasks:
        print(f"  {task_text(task)}  {found_again(paths, task.log) if task.log else '(no log)'}")
