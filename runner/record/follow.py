"""Following the logs of tasks to their end, wherever they run and however often they start again."""

import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jobs.attempt import last_attempts
from jobs.processes import is_alive
from runner.record.judged import JudgedTask
from runner.record.matching import task_text
from runner.record.state import study_status
from runner.record.submission import Key, submissions
from runner.record.tail import Growth, last_lines
from srcnn.door import is_unread
from srcnn.paths import StudyPaths
from srcnn.schema import Attempt
from srcnn.words import counted

POLL_S = 0.5  # of local files
SHARE = 0.05  # of the time at most goes into looking for new attempts
SCHEDULER_S = 10.0  # between two questions to a scheduler
STUDY_S = 2.0  # where there is none to ask
QUIET_S = 3.0  # a log that is not written to for so long after the end is complete
LATE_S = 10.0  # longer than this nobody waits for its last lines


def attempts_folder(paths: StudyPaths, task: JudgedTask) -> Path:
    """Return the folder of the records of a task's attempts."""
    return paths.run(task.run).attempts if task.run else paths.attempts


def found_again(paths: StudyPaths, log: str) -> Path:
    """Return a log's file, also where the study's folder was moved since."""
    file = Path(log)
    parts = file.parts
    if not file.exists() and "submissions" in parts:
        place = len(parts) - 1 - parts[::-1].index("submissions")
        moved = paths.submissions.joinpath(*parts[place + 1 :])
        return moved if moved.exists() else file
    return file


@dataclass
class Followed:
    """One task that is followed: which of its attempts counts, how far its log was shown, how it ended."""

    task: JudgedTask
    first: int  # an attempt before this one is of no interest
    shown: int  # the attempt that was announced last
    growth: Growth | None = None
    end: str = ""
    ended_at: float = 0.0
    grew_at: float = 0.0
    unsure: str = ""

    def is_over(self, now: float) -> bool:
        """Say whether it ended and its log is complete."""
        quiet = now - max(self.ended_at, self.grew_at) > QUIET_S
        return bool(self.end) and (quiet or now - self.ended_at > LATE_S)

    def ends(self, how: str, now: float) -> None:
        """Take note of its end; the first word counts."""
        if not self.end:
            self.end, self.ended_at = how, now


def follow(paths: StudyPaths, tasks: Iterable[JudgedTask], lines: int | None) -> None:
    """Print what the tasks log until all have ended, with ``lines`` of what was logged before.

    A task that goes back into the queue goes on in the same file; a task that is sent again
    logs to another, which is then followed. Those that wait are followed once they start.
    """
    chosen = list(tasks)
    screen = _Screen(prefixed=len(chosen) > 1)
    followed = [_begin(paths, task, lines, screen) for task in chosen]
    _say_what_waits(followed, screen)
    every = SCHEDULER_S if next(submissions(paths), None) else STUDY_S
    asked = looked = time.monotonic()
    pause = 0.0
    while followed and not is_unread():
        now = time.monotonic()
        if now - looked >= pause:
            started = time.monotonic()
            _look(paths, followed, now, screen)
            looked = time.monotonic()
            pause = (looked - started) / SHARE
        if now - asked >= every:
            asked = now
            _judge(paths, followed, {task.key: task for task in study_status(paths, time.time()).tasks}, now, screen)
        for each in followed:
            if each.growth and (added := each.growth.read()):
                each.grew_at = now
                screen.text(task_text(each.task), added)
        for each in [each for each in followed if each.is_over(now)]:
            followed.remove(each)
            screen.line(task_text(each.task), f"==> {task_text(each.task)}: {each.end} <==")
        if followed:
            time.sleep(POLL_S)


def _begin(paths: StudyPaths, task: JudgedTask, lines: int | None, screen: "_Screen") -> Followed:
    # One that waits, or starts again, makes a new attempt; what is on record are earlier ones.
    begun = task.state == "running" and task.detail != "starting" and task.attempts > 0
    each = Followed(task, first=task.attempts + (not begun), shown=task.attempts)
    # What waits on this machine has no log yet, at most that of an earlier attempt.
    if task.log and (task.job or begun):
        file = found_again(paths, task.log)
        text, size = last_lines(file, lines)
        each.growth = Growth(file, size)
        if begun or text:
            number = f"attempt {task.attempts}" if begun else "earlier attempts"
            screen.line("", f"==> {task_text(task)}: {number}: {file} <==")
            screen.text(task_text(task), text)
    elif begun:
        screen.line("", f"==> {task_text(task)}: attempt {task.attempts} writes no log <==")
    return each


def _say_what_waits(followed: list[Followed], screen: "_Screen", shown: int = 3) -> None:
    waiting = [each.task for each in followed if each.task.state in ("waiting", "held")]
    for task in waiting[:shown]:
        screen.line("", f"{task_text(task)} {'is held:' if task.state == 'held' else 'waits for'} {task.detail}")
    if len(waiting) > shown:
        screen.line("", f"and {counted(len(waiting) - shown, 'more task')} in the queue")


def _look(paths: StudyPaths, followed: list[Followed], now: float, screen: "_Screen") -> None:
    """Learn of new attempts, and of ends, from the tasks' own records."""
    folders = {attempts_folder(paths, each.task) for each in followed if not each.end}
    records: dict[Key, tuple[Attempt, int]] = {}
    for folder in folders:
        records |= last_attempts(folder)
    for each in followed:
        attempt, _ = records.get(each.task.key, (None, 0))
        if attempt is None or attempt.number < each.first:
            continue
        if attempt.number > each.shown:
            each.end = ""  # sent again before its end was told
            _turn_to(each, attempt, paths, screen)
        job = each.task.job
        if job and attempt.job != job:
            continue
        if attempt.outcome in ("done", "failed") or (attempt.outcome == "interrupted" and not job):
            why = f": {attempt.fault().partition(chr(10))[0]}" if attempt.cause else ""
            each.ends(f"{attempt.outcome}{why}", now)
        elif not job and is_alive(attempt.host, attempt.pid, attempt.born) is False:
            each.ends("its process ended without a word", now)


def _turn_to(each: Followed, attempt: Attempt, paths: StudyPaths, screen: "_Screen") -> None:
    """Follow a newer attempt, once the rest of the one before was shown."""
    name = task_text(each.task)
    each.shown = attempt.number
    if attempt.log is None:
        screen.line("", f"==> {name}: attempt {attempt.number} writes no log <==")
        return
    file = found_again(paths, attempt.log)
    if each.growth and each.growth.file != file:
        screen.text(name, each.growth.read())
    screen.line(name, f"==> {name}: attempt {attempt.number}: {file} <==")
    if not each.growth or each.growth.file != file:
        each.growth = Growth(file)


def _judge(
    paths: StudyPaths, followed: list[Followed], status: Mapping[Key, JudgedTask], now: float, screen: "_Screen"
) -> None:
    """Learn of ends that the tasks could not record, and of jobs that they were sent as again."""
    for each in followed:
        task = status.get(each.task.key)
        if task and each.growth:
            screen.text(task_text(task), each.growth.read())
        if task is None:
            each.ends("no longer part of the study", now)
        elif task.under_way:
            each.unsure = ""
            if each.task.job != task.job and task.job and task.log:
                each.first, each.end = max(each.first, task.attempts + (task.state != "running")), ""
                file = found_again(paths, task.log)
                if not each.growth or each.growth.file != file:
                    each.growth = Growth(file)
            each.task = task
        else:
            how = f"{task.cause}: {task.detail.partition(chr(10))[0]}" if task.cause else task.detail
            how = {"done": "done", "missing": "was not started"}.get(task.state, how)
            # A scheduler may call a job dead for a moment before it puts it back into the queue: a second look decides.
            if task.state == "done" or task.cause in ("cancelled", "dependency", "exception") or each.unsure == how:
                each.ends(how, now)
            each.unsure = how


@dataclass
class _Screen:
    """Standard output: as the logs are for one task, whole lines with the task's name for several."""

    prefixed: bool = False
    open_line: bool = False
    rest: dict[str, str] = field(default_factory=dict)

    def text(self, name: str, text: str) -> None:
        """Print a piece of a task's log."""
        if not text:
            return
        if self.prefixed:
            *lines, rest = (self.rest.pop(name, "") + text).split("\n")
            text = "".join(f"{name} | {line}\n" for line in lines)
            self.rest[name] = rest
        self._write(text)

    def line(self, name: str, line: str) -> None:
        """Print a line of ours, after what is left of the named task's last line."""
        rest = self.rest.pop(name, "")
        if rest:
            self._write(f"{name} | {rest}\n")
        self._write(f"{chr(10) * self.open_line}{line}\n")

    def _write(self, text: str) -> None:
        if text:
            sys.stdout.write(text)
            sys.stdout.flush()
            self.open_line = not text.endswith("\n")
