"""Several tasks as one job: each in a process of its own, with its own record, log, end and retries.

SLURM sees one task of a job, the supervisor that this is. It starts the tasks, as many at once as was asked for, and
each that ends makes room for the next. What SLURM says to the job it passes on: a warning interrupts all of them before
the job goes back into the queue, where it goes on with those that have not ended.
"""

import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.attempt import attempt_files, cause_of, close_attempt, read_attempt, record_failure
from jobs.job import task_cores
from jobs.processes import born, end_with
from runner.executors.slurm.hold import hold, release, warning
from runner.executors.slurm.inside import InSlurm, own_job
from runner.executors.slurm.requeue import KILLS, OUTSIDE
from runner.executors.task import TaskCall
from runner.record.submission import read_submission
from runner.record.submission_files import JOBS
from srcnn.damage import DamagedFile
from srcnn.door import guard_output
from srcnn.schema import Attempt, Outcome
from srcnn.words import counted, signal_name

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission

POLL_S = 0.5
WORD_S = 5.0  # for tasks to leave their last word when the job was warned; after that the job goes without
TAKEN_BACK_S = 20.0  # the same where only one of them is taken back


class TasksFailed(RuntimeError):
    """Some tasks of a job failed, and have said why; the job ends as SLURM's failures do."""


@dataclass(frozen=True)
class InPack(InSlurm):
    """A process that a job's supervisor, its ``runner``, has started, and its own log."""

    file: Path = Path()

    def enter(self) -> None:
        """End with the supervisor; the signals that wait are for that alone."""
        if self.runner:
            end_with(*self.runner)

    def log(self) -> str | None:
        """Return the file that takes what the task prints."""
        return str(self.file)


@dataclass(frozen=True)
class PackCall:
    """Some tasks of a stage as one job that does ``at_once`` of them at once.

    ``folder`` is the submission's. None of them begins later than ``until_s`` after the job (None: nobody knows its
    time limit).
    """

    calls: tuple[TaskCall, ...]
    folder: Path
    at_once: int
    until_s: float | None = None
    crew: "list[_Member]" = field(default_factory=list, compare=False, repr=False)

    @property
    def name(self) -> str:
        """The name of the first task, by which the job is found on record."""
        return self.calls[0].name

    def __call__(self) -> None:
        """Do the tasks. Raises TasksFailed, when all have ended, if some of them failed."""
        release()
        guard_output()
        began, known = time.monotonic(), 0.0
        self.crew[:] = [_Member(call, self._log(call)) for call in self.calls]
        cores = max(1, task_cores() // self.at_once)
        try:
            while any(member.end is None for member in self.crew):
                if (changed := _changed(self.folder / JOBS)) != known:
                    self._take_back()
                    known = changed
                for member in self.crew:
                    member.look()
                busy = sum(member.process is not None for member in self.crew)
                waiting = [member for member in self.crew if member.waits]
                if waiting and self.until_s is not None and time.monotonic() - began > self.until_s:
                    if not busy:
                        print("No time is left for more: this job goes back into the queue.", flush=True)
                        signal.raise_signal(warning())
                else:
                    for member in waiting[: self.at_once - busy]:
                        member.start(cores)
                time.sleep(POLL_S)
        except Exception as error:
            self._stop()
            for member in self.crew:
                member.fail(error)
            raise
        failed = [member for member in self.crew if member.end == "failed"]
        if failed:
            names = "\n".join(f"  {member.call.stage} {member.call.name}: {member.log}" for member in failed)
            raise TasksFailed(f"{len(failed)} of {counted(len(self.crew), 'task')} failed:\n{names}")

    def checkpoint(self) -> "DelayedSubmission":
        """Return what submitit sends back to wait for its turn, once the tasks are interrupted."""
        from submitit.helpers import DelayedSubmission  # which has called this

        self._stop()
        self.calls[0].inside.before_going_back()
        return DelayedSubmission(replace(self, crew=[]))

    def _log(self, call: TaskCall) -> Path:
        return self.folder / call.stage / f"{own_job()}_{call.name}_log.out"

    def _take_back(self) -> None:
        """Let go of the tasks that the submission's record says are taken back."""
        try:
            sent = read_submission(self.folder)
        except (OSError, DamagedFile):
            return  # the next change is read again
        taken = {(array.stage, task) for array in sent.arrays for task in array.taken_back} if sent else set()
        for member in self.crew:
            if (member.call.stage, member.call.name) in taken:
                member.take_back()

    def _stop(self) -> None:
        """Interrupt the tasks and wait until they have said so, or for as long as there is time."""
        end = time.monotonic() + WORD_S
        for member in self.crew:
            member.tell(signal.SIGINT)
        for member in self.crew:
            member.end_by(end)


class _Member:
    """One task of a job: its process while it has one, and how it ended."""

    def __init__(self, call: TaskCall, log: Path) -> None:
        self.call, self.log = call, log
        self.process: subprocess.Popen[bytes] | None = None
        self.kills = 0
        self.taken_back: float | None = None
        attempt = self._attempt()
        # In an earlier execution of this job, it may have ended already.
        ended = attempt is not None and attempt.outcome in ("done", "failed")
        self.end: Outcome | None = attempt.outcome if attempt and ended else None

    @property
    def waits(self) -> bool:
        """Whether it has its turn to come."""
        return self.process is None and self.end is None

    def start(self, cores: int) -> None:
        """Start a process for it, unless it lacks what it needs."""
        if lacking := self.call.lacking():
            self.end = "failed"
            self._say(lacking)
            return
        me = os.getpid()
        inside = InPack(self.call.inside.job, (me, born(me) or ""), file=self.log)
        with tempfile.TemporaryFile() as told, self.log.open("ab") as log:
            pickle.dump(replace(self.call, inside=inside, cores=cores), told)
            told.seek(0)
            hold()  # what SLURM tells the whole job is for the supervisor
            try:
                self.process = subprocess.Popen(
                    [sys.executable, "-u", "-m", "runner.executors.slurm.pack_member"],
                    stdin=told,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            finally:
                release()
        self._say(f"starts as process {self.process.pid}, and writes to {self.log}")

    def look(self) -> None:
        """Take note of its end."""
        if self.process is None or self.process.poll() is None:
            if self.taken_back and time.monotonic() - self.taken_back > TAKEN_BACK_S:
                self.tell(signal.SIGKILL)
            return
        code, self.process = self.process.returncode, None
        attempt = self._attempt()
        if self.taken_back:
            self.end = "interrupted"
            if attempt and attempt.outcome == "running":  # it did not obey, and was killed
                why = "it was taken back, and its job goes on with others"
                close_attempt(self.call.attempts, attempt, "interrupted", "KeyboardInterrupt", why)
        elif attempt and attempt.outcome in ("done", "failed"):
            self.end = attempt.outcome
        elif -code in OUTSIDE and self.kills < KILLS:
            self.kills += 1
            self._say(f"was killed by {signal_name(-code)} ({self.kills} of {KILLS} times that are forgiven): again")
            return
        else:
            how = f"by {signal_name(-code)}" if code < 0 else f"with exit status {code}"
            again = ", again and again" if -code in OUTSIDE else ""
            self.fail(Killed(f"its process ended {how} without a word{again} (see the end of its log)"))
        self._say(f"ended: {self.end}")

    def take_back(self) -> None:
        """Have it end, and not begin again."""
        if self.waits:
            self.end = "interrupted"
        elif self.process and not self.taken_back:
            self.taken_back = time.monotonic()
            self.tell(signal.SIGINT)

    def tell(self, number: signal.Signals) -> None:
        """Send its process a signal, if it has one."""
        if self.process:
            with suppress(ProcessLookupError):
                self.process.send_signal(number)

    def end_by(self, end: float) -> None:
        """Wait for the end of its process, and make one where that does not come in time."""
        while self.process and self.process.poll() is None:
            if time.monotonic() > end:  # no longer wait: a signal may have come in the middle of another poll
                self.tell(signal.SIGKILL)
                return
            time.sleep(POLL_S / 10)

    def fail(self, error: Exception) -> None:
        """Take on record that it could not be done, unless it has ended by itself."""
        attempt = self._attempt()
        if self.end is not None or (attempt and attempt.outcome in ("done", "failed")):
            return
        self.end = "failed"
        call = self.call
        if attempt:
            close_attempt(call.attempts, attempt, "failed", *cause_of(error))
        else:
            record_failure(error, call.attempts, call.stage, call.name, call.submission, str(self.log), own_job())

    def _attempt(self) -> Attempt | None:
        # Not just the last: it may have failed here, and been sent again since.
        files = attempt_files(self.call.attempts, self.call.stage, self.call.name)
        attempts = (read_attempt(file) for file in reversed(files))
        return next((each for each in attempts if each and each.submission == self.call.submission), None)

    def _say(self, text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {self.call.stage} {self.call.name} {text}", flush=True)


class Killed(RuntimeError):
    """A task's process ended without a word."""


def _changed(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0
