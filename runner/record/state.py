"""Where each task of a study stands, and why: from the study's own files, then from one question to SLURM."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from jobs.processes import is_alive
from runner.executors.slurm.queued import users_of
from runner.executors.slurm.requeue import MEMORY, killed_from_outside, tail
from runner.executors.slurm.scheduler import LAUNCH_FAILED, Answer, JobState, Origin, SchedulerError, job_states
from runner.executors.slurm.scheduler import Holder as JobHolder
from runner.executors.slurm.unrecorded import known_submissions
from runner.record.lock import Holder, holder
from runner.record.submission import Key, SentJob, Submission, latest_jobs, submissions
from runner.record.tasks import KnownTask, known_tasks
from runner.study.stages import STAGES
from srcnn.door import full_disk
from srcnn.paths import StudyPaths
from srcnn.schema import Attempt
from srcnn.words import counted

State = Literal["done", "running", "waiting", "held", "failed", "missing"]
STATES: tuple[State, ...] = get_args(State)
Cause = Literal[
    "exception",
    "out of memory",
    "time limit",
    "node failure",
    "preempted",
    "cancelled",
    "killed",
    "dependency",
    "started too often",
    "no GPU",
    "damaged",
    "unknown",
]
MEMORY_TEXT = "it needed more memory than it asked for; submit again with --mem-gb"
PREEMPTED = "preempted and not put back (PreemptMode=CANCEL, or cluster.requeues=0); submit again"


@dataclass(frozen=True)
class TaskStatus:
    """One task: its state, why it waits or failed, how far it is.

    ``cause`` tells failures apart, ``detail`` says it in words (an exception's type and message, what
    is waited for). ``done`` of ``total`` steps, ``note`` and ``seconds_left`` are of a running task.
    A held task has a job that does not start until ``held_by`` releases it; ``host`` is where it ran last.
    """

    stage: str
    name: str
    label: str
    state: State
    cause: Cause | None = None
    detail: str = ""
    done: int = 0
    total: int = 0
    note: str = ""
    seconds_left: float | None = None
    attempts: int = 0
    job: str | None = None
    host: str | None = None
    log: str | None = None
    held_by: JobHolder | None = None
    run: str | None = None

    @property
    def under_way(self) -> bool:
        """Whether its job is queued or runs, so that it is not sent again."""
        return self.state in ("running", "waiting", "held")

    @property
    def key(self) -> Key:
        """Stage and name."""
        return self.stage, self.name


@dataclass(frozen=True)
class StudyStatus:
    """All tasks of a study, and what was amiss at the time when they were looked at."""

    folder: Path
    tasks: list[TaskStatus]
    time: float
    notes: list[str] = field(default_factory=list)
    runner: Holder | None = None

    def of(self, state: State) -> list[TaskStatus]:
        """The tasks in a state."""
        return [task for task in self.tasks if task.state == state]

    def active_jobs(self) -> dict[Key, str]:
        """The SLURM job of each task that is queued or running."""
        return {task.key: task.job for task in self.tasks if task.job and task.under_way}


def study_status(paths: StudyPaths, now: float) -> StudyStatus:
    """Where a study stands. ``now`` is the time in seconds since the epoch.

    Raises FileNotFoundError for a folder that is no submitted study.
    """
    tasks = known_tasks(paths)
    notes = []
    try:
        sent = known_submissions(paths)
    except SchedulerError as error:
        sent = list(submissions(paths))
        words = str(error).splitlines()[0]
        notes.append(f"a submission was killed, and whether it sent jobs that run is unknown ({words})")
    jobs = latest_jobs(sent)
    asked = {task.key: jobs[task.key] for task in tasks if task.key in jobs and not _is_settled(task)}
    over = {task.key: jobs[task.key] for task in tasks if task.key in jobs and _is_settled(task)}
    answer = job_states(_origins(asked), users_of(sent), _origins(over))
    asked |= {key: job for key, job in over.items() if job.id in answer.states}
    notes += [answer.note] if answer.note else []
    runner = holder(paths)
    local = runner is not None and runner.executor == "local"
    judged: dict[Key, TaskStatus] = {}
    for task in tasks:
        sent_as = asked.get(task.key)
        job, submission = (sent_as.id, sent_as.submission) if sent_as else (None, None)
        judged[task.key] = _judge(task, job, submission, answer, judged, local)
    return StudyStatus(paths.folder, list(judged.values()), now, notes, runner)


def _origins(jobs: Mapping[Key, SentJob]) -> dict[str, Origin]:
    return {job.id: job.origin for job in jobs.values()}


def _is_settled(task: KnownTask) -> bool:
    """Whether the study's own files say all: nothing is asked of the scheduler then."""
    return task.complete and not STAGES[task.stage].after and (task.attempt is None or task.attempt.outcome == "done")


def _judge(
    task: KnownTask,
    job: str | None,
    submission: Submission | None,
    answer: Answer,
    earlier: Mapping[Key, TaskStatus],
    local: bool,
) -> TaskStatus:
    attempt = task.attempt
    if submission and attempt and attempt.submission != submission.folder.name:
        if submission.precedes(attempt.submission):
            job = None  # it was run on this machine since
        else:
            attempt = None  # it belongs to an earlier submission, which may have been started again
    known = answer.states.get(job) if job else None
    fields: dict[str, object] = {"run": task.run, "attempts": task.attempts, "job": job}
    if attempt:
        fields |= {"host": attempt.host, "log": attempt.log}
    elif job and submission:
        fields["log"] = str(submission.log(task.stage, job))
    if known and known.held_by and known.last_node:
        fields["host"] = known.last_node

    def status(state: State, cause: Cause | None = None, detail: str = "", **more: object) -> TaskStatus:
        return TaskStatus(task.stage, task.name, task.label, state, cause, detail, **fields, **more)  # type: ignore[arg-type]

    def running() -> TaskStatus:
        if not attempt or attempt.outcome != "running":
            return status("running", detail="starting")
        return status(
            "running", done=attempt.done, total=attempt.total, note=attempt.note, seconds_left=attempt.seconds_left
        )

    def died() -> TaskStatus:
        assert attempt is not None
        gone = is_alive(attempt.host, attempt.pid, attempt.born) is False
        where = "" if gone else f" (on {attempt.host}; it cannot be seen from here)"
        full = full_disk(Path(attempt.log).parent) if attempt.log else ""
        return status("failed", "killed", f"the process ended without a word{where}{f', and {full}' if full else ''}")

    outcome = attempt.outcome if attempt else None
    if attempt and outcome == "running" and known and known.alive and not answer.answered:
        return running()  # its own record is ahead of accounting, and squeue is not there to say so
    if known and known.alive and outcome not in ("done", "failed"):
        return _in_the_queue(task, known, earlier, attempt is not None, running, status)
    if known and known.waits:  # it was put back after it had failed, or was sent again
        return _in_the_queue(task, known, earlier, attempt is not None, running, status)
    if not job and attempt and outcome == "running":
        alive = is_alive(attempt.host, attempt.pid, attempt.born)
        if alive or (alive is None and local):
            return running()
    if task.damaged:
        return status("failed", "damaged", task.damaged)
    if task.complete and (not STAGES[task.stage].after or _have_ended(task, earlier)):
        return status("done")
    if attempt and outcome == "failed":
        cause, detail = _own_words(attempt, known)
        return status("failed", cause, detail)
    if known and not known.alive:
        return status("failed", *_ended(task, known, earlier, fields.get("log")))
    if job and not known and not answer.answered:
        if outcome == "running":
            return running()
        return status("waiting", detail=_needs_text(task, earlier) or "the scheduler, which has not answered for it")
    if attempt and outcome == "interrupted":
        return status("failed", "cancelled", "it was stopped; what was done is kept")
    if attempt and outcome == "running":
        return died()
    if job and not answer.complete:
        return status("failed", "unknown", "its job is gone; why, only accounting could tell")
    blocked = any(need in earlier and earlier[need].state == "failed" for need in task.needs)
    if blocked and not STAGES[task.stage].after:
        return status("failed", "dependency", _blocked_text(task, earlier))
    if local:
        return status("waiting", detail=_needs_text(task, earlier) or "free cores")
    return status("missing", detail="not submitted")


def _in_the_queue(
    task: KnownTask,
    known: JobState,
    earlier: Mapping[Key, TaskStatus],
    began: bool,
    running: Callable[[], TaskStatus],
    status: Callable[..., TaskStatus],
) -> TaskStatus:
    """A task whose job is alive for the scheduler; ``began``: the job has run before, or still does."""
    if known.waits:
        if known.reason == "DependencyNeverSatisfied":
            return status("failed", "dependency", _blocked_text(task, earlier))
        if known.held_by:
            return status("held", detail=_held_text(known), held_by=known.held_by)
        return status("waiting", detail=_waits_for(task, known, earlier, began or bool(known.last_node)))
    return running()


def _have_ended(task: KnownTask, earlier: Mapping[Key, TaskStatus]) -> bool:
    """Whether all that a task waits for has ended, well or not, so that what it made shows what there is."""
    return all(earlier[need].state in ("done", "failed") for need in task.needs if need in earlier)


def _own_words(attempt: Attempt, known: JobState | None) -> tuple[Cause, str]:
    """Cause and words of a failure that the task itself recorded, unless SLURM knows better."""
    if attempt.cause == "MemoryError" or (known and "OUT_OF_MEMORY" in {known.state, *known.step_states}):
        return "out of memory", f"{MEMORY_TEXT} ({attempt.fault()})"
    if attempt.cause == "NoGpu":
        return "no GPU", attempt.message or ""
    if attempt.cause == "WorkerKilled":
        return "out of memory", attempt.message or ""
    if attempt.cause == "StartedTooOften":
        return "started too often", attempt.message or ""
    if attempt.cause == "UncompletedJobError":  # submitit's, when it does not requeue once more
        if known and (known.state == "PREEMPTED" or known.ended_early):
            return "preempted", PREEMPTED  # it takes the warning of a short job for its time limit
        return "time limit", f"{attempt.message} Submit again, with --timeout-min for more"
    if attempt.cause == "Killed":
        return "killed", attempt.message or ""
    return "exception", attempt.fault()


# What sacct's reasons mean to somebody who waits.
_REASONS = {
    "Priority": "its turn (jobs of higher priority are before it)",
    "Resources": "free nodes",
    "JobArrayTaskLimit": "others of its array (the parallelism cap)",
    "QOSMaxJobsPerUserLimit": "your other jobs (a limit of the QOS)",
    "AssocGrpCpuLimit": "your group's other jobs (its CPU limit)",
    "ReqNodeNotAvail": "nodes that are not available now (maintenance?)",
    "PartitionDown": "a partition that is down",
}
_HELD = {
    LAUNCH_FAILED: "no job could be started on {node}",
    "job requeued in held state": "scontrol requeuehold, or a rule of the site, put it back",
    "JobHeldUser": "its user holds it",
    "JobHeldAdmin": "an administrator holds it, and alone can release it",
}


def _held_text(known: JobState) -> str:
    """SLURM's own reason why a job is held, and what it means."""
    reason = known.reason or known.state
    words = _HELD.get(reason, "").format(node=known.last_node or "its node (sinfo -R lists those that are down)")
    return f"{reason}: {words}" if words else reason


def _waits_for(task: KnownTask, known: JobState, earlier: Mapping[Key, TaskStatus], put_back: bool) -> str:
    needs = _needs_text(task, earlier)
    if needs:
        return needs
    again = f"; {counted(task.attempts, 'attempt')} so far" if task.attempts else ""
    return _reason_text(known, put_back) + again


def _reason_text(known: JobState, put_back: bool) -> str:
    """What a job waits for that needs no other task."""
    if known.reason == "BeginTime":
        time = known.starts.replace("T", " ") or "the time it was sent for"
        return f"its turn after it was put back into the queue (not before {time})" if put_back else time
    # Accounting keeps a reason that has passed: what needs nothing more waits for no dependency.
    if known.reason in ("Dependency", ""):
        return "its turn"
    return _REASONS.get(known.reason.partition(",")[0], known.reason)


def _needs_text(task: KnownTask, earlier: Mapping[Key, TaskStatus]) -> str:
    open_needs = [earlier[need] for need in task.needs if need in earlier and earlier[need].state != "done"]
    if STAGES[task.stage].after:
        open_needs = [need for need in open_needs if need.under_way]
    stages = list(dict.fromkeys(need.stage for need in open_needs))
    return ", ".join(stages) + f" ({len(open_needs)} tasks)" * (len(open_needs) > 1)


def _blocked_text(task: KnownTask, earlier: Mapping[Key, TaskStatus]) -> str:
    blocked = [earlier[need] for need in task.needs if need in earlier and earlier[need].state in ("failed", "missing")]
    if not blocked:
        return "what it needs did not finish"
    return f"needs {blocked[0].stage} {blocked[0].name}, which did not finish"


def _ended(task: KnownTask, known: JobState, earlier: Mapping[Key, TaskStatus], log: object) -> tuple[Cause, str]:
    """Cause and words for a job that is over while its files are not there."""
    memory = "OUT_OF_MEMORY" in {known.state, *known.step_states}
    if memory or (known.state != "CANCELLED" and _says_memory(log)):
        return "out of memory", MEMORY_TEXT
    if known.state == "CANCELLED" and not known.started:
        blocking = [earlier[n] for n in task.needs if n in earlier and earlier[n].state in ("failed", "missing")]
        # Accounting does not always keep the reason; where all was cancelled, this was too.
        by_slurm = known.reason.startswith("Dependency") or any(need.cause != "cancelled" for need in blocking)
        if blocking and by_slurm:
            return "dependency", _blocked_text(task, earlier)
        return "cancelled", "cancelled before it started"
    if known.state == "CANCELLED":
        return "cancelled", "cancelled by you or an administrator; what was done is kept"
    if known.state in ("TIMEOUT", "DEADLINE"):
        return (
            "time limit",
            "it reached its time limit and was not put back; submit again, with --timeout-min for more",
        )
    if known.state in ("NODE_FAIL", "BOOT_FAIL"):
        return "node failure", f"its node {known.node} failed and it was not put back; submit again"
    if known.state == "PREEMPTED":
        return "preempted", PREEMPTED
    if log and (full := full_disk(Path(str(log)).parent)):
        return "killed", f"it left no word, and {full}"
    if killed_from_outside(known.exit_code):
        return "killed", "it was killed, again and again or for good (see the end of its log)"
    if known.state == "COMPLETED":
        return "killed", "its job ended well for SLURM, but its files are not there; submit again"
    return (
        "killed",
        f"its job ended as {known.state} (exit code {known.exit_code}) without a word of the task",
    )


def _says_memory(log: object) -> bool:
    return bool(log and re.search(MEMORY, tail(Path(str(log)))))
