"""Stopping a study, or a part of it, wherever it runs, so that nothing of it runs on."""

import os
import shlex
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from jobs.processes import born, descendants, is_alive
from runner.ask import agrees
from runner.executors.executor import Executor
from runner.executors.job_state import Origin, QueuedJob, SchedulerError
from runner.record.judged import JudgedTask
from runner.record.lock import Holder, holder, study_lock
from runner.record.matching import UnknownName, matching_runs, run_of
from runner.record.sent import queued_jobs
from runner.record.state import StudyStatus, study_status
from runner.record.submission import Key, submissions
from runner.record.tasks import known_tasks
from runner.study.stages import STAGES
from srcnn.paths import StudyPaths
from srcnn.words import counted

GONE_S = 180.0  # a scheduler gives a task half a minute as a rule, and cleaning up may take its time
AGAIN_S = 10.0  # a job that still waits or runs so long after it was cancelled is cancelled again
RECORDED_S = 10.0  # what keeps account of jobs knows seconds later
ENDED_S = 60.0  # a runner on this machine gives its tasks 15 s
POLL_S = 2.0


Sent = tuple[Executor, QueuedJob]


class CannotCancel(RuntimeError):
    """Nothing was cancelled, or not all; the message says why and what to do."""


class WrongUse(ValueError):
    """What was asked for cannot be cancelled by itself, or does not exist."""


@dataclass(frozen=True)
class Part:
    """What of a study is to be cancelled: one stage, one run, one stage of one run, or all where neither is named."""

    stage: str | None = None
    run: str | None = None

    def __bool__(self) -> bool:
        return bool(self.stage or self.run)

    def text(self, study: str) -> str:
        """Return the part of a study in words."""
        stage = f"stage {self.stage} of " * bool(self.stage)
        run = f"run {self.run} of " * bool(self.run)
        return f"{stage}{run}{study}"


def cancel(paths: StudyPaths, part: Part, yes: bool) -> int:
    """Stop a study or a part of it, once somebody agreed or ``yes`` is true; return the exit status.

    Raises FileNotFoundError, UnknownName and WrongUse for what stands for nothing, CannotCancel, SchedulerError and
    StudyBusyError where something is left.
    """
    runner = holder(paths)
    here = runner is not None and not runner.is_brief
    if here and part:
        raise WrongUse(
            f"{paths.folder.name} runs on {runner.host}, without a scheduler, and can only be stopped as a whole: "  # type: ignore[union-attr]
            f"{_command('cancel', paths)}, then {_command('submit', paths)} goes on with what is missing"
        )
    if runner and here:
        if not _agreed(yes, f"Stop process {runner.pid}, which runs {paths.folder.name}?"):
            return 1
        stop_here(paths, runner)
        if not paths.contents.exists():  # it had not come so far
            return 0
    stopped = bool(here)
    if _never_sent(paths):
        _chosen(_look(paths), [], part)  # a name that does not exist is still an error
        if not stopped:
            print(f"Nothing of {part.text(paths.folder.name)} is queued or runs.")
        return 0
    return _cancel_elsewhere(paths, part, yes, stopped)


def _never_sent(paths: StudyPaths) -> bool:
    return next(submissions(paths), None) is None


def _look(paths: StudyPaths) -> StudyStatus:
    return study_status(paths, time.time())


def _command(name: str, paths: StudyPaths) -> str:
    return f"python -m runner.{name} {shlex.quote(str(paths.folder))}"


def _agreed(yes: bool, question: str) -> bool:
    """Say whether to go on: unless ``yes`` says so, somebody at a terminal is asked."""
    if yes or not sys.stdin.isatty() or agrees(question):
        return True
    print("Nothing was cancelled.")
    return False


def stop_here(paths: StudyPaths, runner: Holder) -> None:
    """End the process that runs a study on this machine, and wait until it and all that it started are gone.

    Raises CannotCancel if it cannot be seen from here, belongs to somebody else, or does not go.
    """
    if is_alive(runner.host, runner.pid, runner.born) is None:
        raise CannotCancel(
            f"{paths.folder.name} is run by process {runner.pid} on {runner.host}; stop it there: "
            f"{_command('cancel', paths)}\nIt cannot be seen from here; if it is gone, delete {paths.lock}"
        )
    tasks = _look(paths).of("running") if paths.contents.exists() else []
    family = {pid: born(pid) for pid in (runner.pid, *descendants(runner.pid))}
    try:
        if is_alive(runner.host, runner.pid, runner.born):
            os.kill(runner.pid, signal.SIGTERM)
    except ProcessLookupError:
        pass
    except PermissionError as error:
        raise CannotCancel(f"process {runner.pid}, which runs the study, belongs to another user") from error
    end = time.monotonic() + ENDED_S
    while left := [pid for pid, since in family.items() if since and is_alive(runner.host, pid, since)]:
        if time.monotonic() > end:
            numbers = " ".join(map(str, left))
            raise CannotCancel(f"still running after {ENDED_S:.0f} s; end them: kill -9 {numbers}")
        for pid in left:
            family |= {child: born(child) for child in descendants(pid) if child not in family}
        time.sleep(0.1)
    counts = Counter(task.stage for task in tasks)
    print(
        f"stopped process {runner.pid}, which ran {paths.folder.name} here{_listed(counts, ' with {} under way')}; "
        f"what was done is kept; {_command('submit', paths)} goes on"
    )


def _listed(counts: Mapping[str, int], frame: str = "{}") -> str:
    """Return counts as ``train 4, render 4``, in the order of the stages; an empty text if there are none."""
    text = ", ".join(f"{stage} {counts[stage]}" for stage in STAGES if counts.get(stage))
    return frame.format(text) if text else ""


def _cancel_elsewhere(paths: StudyPaths, part: Part, yes: bool, stopped: bool) -> int:
    status = _look(paths)
    with study_lock(paths, "", "cancel"):  # a submission under way is waited for
        chosen = _chosen(status, queued_jobs(paths), part)
    question = f"Cancel {chosen.text} of {part.text(paths.folder.name)}?"
    if chosen.active and not _agreed(yes, question):
        return 1
    with study_lock(paths, "", "cancel"):
        chosen = _chosen(status, queued_jobs(paths), part)
        # What waits goes before what it waits for, lest it starts for a moment.
        for stage in reversed(STAGES):
            _send_word([(executor, job) for executor, job in chosen.jobs if job.key[0] == stage])
        _take_back(paths, [job for _, job in chosen.tasks])
    left = _wait_until_gone(paths, chosen)
    if left:
        names = ", ".join(f"{job.id} ({job.key[0]}, {job.state.lower()})" for _, job in left[:8])
        look = " or ".join(dict.fromkeys(executor.look for executor, _ in left if executor.look))
        raise CannotCancel(
            f"{len(left)} of {len(chosen.jobs) + len(chosen.tasks)} jobs are still there after {GONE_S:.0f} s: {names}"
            f"{', ...' * (len(left) > 8)}; {f'look with {look}, or ' * bool(look)}cancel again: "
            f"{_command('cancel', paths)}"
        )
    if chosen.active:
        print(f"cancelled {chosen.text}; what was done is kept; {_command('submit', paths)} goes on")
    elif not stopped:
        print(f"Nothing of {part.text(paths.folder.name)} is queued or runs.")
    return 0


def _send_word(jobs: Iterable[Sent]) -> None:
    """Tell each executor which of its jobs to cancel."""
    by_executor: dict[Executor, list[str]] = {}
    for executor, job in jobs:
        by_executor.setdefault(executor, []).append(job.id)
    for executor, ids in by_executor.items():
        executor.cancel(list(dict.fromkeys(ids)))


def _take_back(paths: StudyPaths, jobs: Sequence[QueuedJob]) -> None:
    """Tell jobs which several tasks share, by the study's record, to leave some of the tasks alone."""
    for submission in submissions(paths):
        tokens = {array.token for array in submission.arrays}
        if keys := {job.key for job in jobs if job.token in tokens}:
            submission.take_back(keys)


@dataclass(frozen=True)
class Chosen:
    """What is to be cancelled: whole jobs, and tasks whose jobs go on with others. A job is named by every task."""

    jobs: list[Sent]
    tasks: list[Sent]

    @property
    def active(self) -> bool:
        """Whether any of it is not just ending anyway."""
        return any(job.active for _, job in (*self.jobs, *self.tasks))

    @property
    def text(self) -> str:
        """How many jobs and tasks there are of which stages; those that were ending anyway do not count."""
        words = []
        if counts := Counter(job.key[0] for _, job in self.jobs if job.active):
            jobs = counted(len({(executor.name, job.id) for executor, job in self.jobs if job.active}), "job")
            tasks = counted(counts.total(), "task")
            shared = jobs.partition(" ")[0] != tasks.partition(" ")[0]
            words.append(f"{f'{tasks} in ' * shared}{jobs}: {_listed(counts)}")
        if counts := Counter(job.key[0] for _, job in self.tasks if job.active):
            words.append(f"{counted(counts.total(), 'task')} whose jobs go on with others: {_listed(counts)}")
        return " and ".join(words) or "0 jobs: "


def _chosen(status: StudyStatus, jobs: Sequence[Sent], part: Part) -> Chosen:
    """Return what is to be cancelled: all, or what is of a stage or run with what needs it."""
    in_job = Counter((executor.name, job.id) for executor, job in jobs)
    ended = {task.key for task in status.tasks if not task.under_way}
    jobs = [each for each in jobs if in_job[each[0].name, each[1].id] == 1 or each[1].key not in ended]
    named = _named(status, jobs, part)
    others = {(executor.name, job.id) for executor, job in jobs if (executor, job) not in named}
    whole = [(executor, job) for executor, job in named if (executor.name, job.id) not in others]
    return Chosen(whole, [each for each in named if each not in whole])


def _named(status: StudyStatus, jobs: Sequence[Sent], part: Part) -> list[Sent]:
    """Return the jobs of all, or of a stage or run with those that need them, by task.

    The report goes only with all others: it tells of what is there, and needs none of them for certain.
    """
    if not part:
        return list(jobs)
    stage, run = part.stage, part.run
    if stage and stage not in STAGES:
        raise UnknownName(f"--stage {stage}: no such stage; there are {', '.join(STAGES)}")
    of_run = None
    if run:
        run_ids = list(dict.fromkeys(run_of(task) for task in matching_runs(_of_runs(status), run)))
        if len(run_ids) > 1:
            labels = {task.run: task.label for task in status.tasks if task.run}
            names = ", ".join(f"{run_id} ({labels.get(run_id, '')})" for run_id in run_ids[:8])
            raise UnknownName(f"--run {run} stands for {len(run_ids)} runs: {names}; name one of them")
        of_run = run_ids[0]
    runs = {task.key: task.run for task in status.tasks}

    def is_named(key: Key) -> bool:
        return (not stage or key[0] == stage) and (not of_run or runs.get(key) == of_run)

    keys = _with_dependents(status, {job.key for _, job in jobs if is_named(job.key)})
    return [(executor, job) for executor, job in jobs if job.key in keys]


def _of_runs(status: StudyStatus) -> list[JudgedTask]:
    return [task for task in status.tasks if task.run]


def _with_dependents(status: StudyStatus, keys: set[Key]) -> set[Key]:
    """Return the tasks with all that need one of them to end well, directly or not."""
    grown = set(keys)
    for task in known_tasks(StudyPaths(status.folder)):  # in the order of the stages
        if not STAGES[task.stage].after and any(need in grown for need in task.needs):
            grown.add(task.key)
    return grown


def _wait_until_gone(paths: StudyPaths, chosen: Chosen) -> list[Sent]:
    """Wait until it is gone and, for a moment, until accounting knows it; return the jobs that are left."""
    jobs = chosen.jobs
    wanted, left = {(executor.name, job.id) for executor, job in jobs}, [*jobs, *chosen.tasks]
    start = time.monotonic()
    again, pause = start + AGAIN_S, 0.25
    while left and time.monotonic() < start + GONE_S:
        try:
            queued = queued_jobs(paths)
            left = [(executor, job) for executor, job in queued if (executor.name, job.id) in wanted]
            there = {(executor.name, job.id) for executor, job in queued}
            attempts = [task.attempt for task in known_tasks(paths) if task.attempt]
            running = {(each.stage, each.task, each.job) for each in attempts if each.outcome == "running"}
            left += [
                (executor, job)
                for executor, job in chosen.tasks
                if (executor.name, job.id) in there and (*job.key, job.id) in running
            ]
            if time.monotonic() > again:  # one may have been put back into the queue just then
                again = time.monotonic() + AGAIN_S
                whole = ((executor, job) for executor, job in left if (executor.name, job.id) in wanted)
                _send_word((executor, job) for executor, job in whole if job.active)
        except SchedulerError as error:
            print(f"note: {error}", file=sys.stderr)
        if left:
            time.sleep(pause)
            pause = min(2 * pause, POLL_S)
    end = time.monotonic() + RECORDED_S
    executors = {executor.name: executor for executor, _ in jobs}
    while not left and time.monotonic() < end:
        asked = {name: {id: Origin() for whose, id in wanted if whose == name} for name in executors}
        told = [executors[name].states(asked[name], {}).states for name in executors]
        if not any(state.alive for states in told for state in states.values()):
            break
        time.sleep(1)
    return left
