"""What people are told of a task: a verdict and what is known, in words; pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from runner.executors.job_state import End, JobState
from runner.record.judged import Cause, JudgedTask
from runner.record.submission import Key
from runner.record.tasks import RecordedTask
from runner.record.verdict import Verdict
from runner.study.stages import STAGES
from srcnn.schema import Attempt
from srcnn.words import counted

MEMORY_TEXT = "it needed more memory than it asked for; submit again with --mem-gb"
PREEMPTED = "preempted and not put back (PreemptMode=CANCEL, or cluster.requeues=0); submit again"
UNTOLD = (
    "it was warned that its job ends, by its time limit or for another job, and the scheduler has not told which; "
    "submit again, with --timeout-min for more time"
)
Words = tuple[Cause | None, str]


@dataclass(frozen=True)
class Case:
    """What is known of a task: its last attempt, if this counts, its job, and those that were judged before it.

    ``seen`` is whether the attempt's process would be seen here, ``full_disk`` that its disk is full, in words,
    ``says_memory`` whether its log says that it was killed for its memory, ``executor`` what people call who ran it.
    """

    task: RecordedTask
    attempt: Attempt | None = None
    job: JobState | None = None
    earlier: Mapping[Key, JudgedTask] = field(default_factory=dict)
    seen: bool = True
    full_disk: str = ""
    says_memory: bool = False
    executor: str = ""


def words(verdict: Verdict, case: Case) -> Words:
    """Return the cause of a failure, and in words why a task failed or what it waits for."""
    return _WORDS[verdict](case)


def _running(case: Case) -> Words:
    return None, "" if case.attempt and case.attempt.outcome == "running" else "starting"


def _held(case: Case) -> Words:
    return None, case.job.why if case.job else ""


def _queued(case: Case) -> Words:
    if needs := needs_text(case.task, case.earlier):
        return None, needs
    job, attempts = case.job, case.task.attempts
    again = f"; {counted(attempts, 'attempt')} so far" if attempts else ""
    if job and job.begins and (case.attempt or job.node):
        return None, f"its turn after it was put back into the queue (not before {job.begins}){again}"
    return None, ((job and (job.begins or job.why)) or "its turn") + again


def _damaged(case: Case) -> Words:
    return "damaged", case.task.damaged


def _failed(case: Case) -> Words:
    assert case.attempt is not None
    return own_words(case.attempt, case.job)


def own_words(attempt: Attempt, job: JobState | None) -> tuple[Cause, str]:
    """Return cause and words of a failure that the task itself recorded, unless its executor knows better."""
    message = attempt.message or ""
    if attempt.cause == "MemoryError" or (job and job.end == "out of memory"):
        return "out of memory", f"{MEMORY_TEXT} ({attempt.fault()})"
    if attempt.cause == "UncompletedJobError":  # submitit's, when it does not requeue once more
        if job and (job.end == "preempted" or job.early):
            return "preempted", PREEMPTED  # it takes the warning of a short job for its time limit
        if job and (job.end == "time limit" or job.early is False):
            return "time limit", f"{attempt.message} Submit again, with --timeout-min for more"
        return "unknown", UNTOLD
    if cause := _OWN_CAUSES.get(attempt.cause or ""):
        return cause, message
    return "exception", attempt.fault()


_OWN_CAUSES: dict[str, Cause] = {
    "NoGpu": "no GPU",
    "WorkerKilled": "out of memory",
    "StartedTooOften": "started too often",
    "Killed": "killed",
}


def _ended(case: Case) -> Words:
    """Return cause and words for a job that has ended while its task's files are not there."""
    job = case.job
    assert job is not None
    if job.end == "out of memory" or (job.end != "cancelled" and case.says_memory):
        return "out of memory", MEMORY_TEXT
    if job.end == "cancelled" and not job.started:
        blocking = _blocking(case)
        # Accounting does not always keep the reason; where all was cancelled, this was too.
        if blocking and (job.for_want or any(need.cause != "cancelled" for need in blocking)):
            return _blocked(case)
        return "cancelled", "cancelled before it started"
    if job.end in _BY_THE_EXECUTOR:
        cause, text = _BY_THE_EXECUTOR[job.end]
        return cause, text.format(node=job.node or "(which is not known)")
    if case.full_disk:
        return "killed", f"it left no word, and {case.full_disk}"
    if job.end == "killed":
        return "killed", "it was killed, again and again or for good (see the end of its log)"
    if job.end == "well":
        return "killed", f"its job ended well for {case.executor}, but its files are not there; submit again"
    return "killed", f"its job ended as {job.word} (exit code {job.exit_code}) without a word of the task"


_BY_THE_EXECUTOR: dict[End, tuple[Cause, str]] = {
    "cancelled": ("cancelled", "cancelled by you or an administrator; what was done is kept"),
    "time limit": (
        "time limit",
        "it reached its time limit and was not put back; submit again, with --timeout-min for more",
    ),
    "node failure": ("node failure", "its node {node} failed and it was not put back; submit again"),
    "preempted": ("preempted", PREEMPTED),
}


def _died(case: Case) -> Words:
    assert case.attempt is not None
    where = "" if case.seen else f" (on {case.attempt.host}; it cannot be seen from here)"
    full = f", and {case.full_disk}" if case.full_disk else ""
    return "killed", f"the process ended without a word{where}{full}"


def _blocking(case: Case) -> list[JudgedTask]:
    needs = [case.earlier[need] for need in case.task.needs if need in case.earlier]
    return [need for need in needs if need.state in ("failed", "missing")]


def _blocked(case: Case) -> Words:
    blocking = _blocking(case)
    if not blocking:
        return "dependency", "what it needs did not finish"
    return "dependency", unfinished_text(*blocking[0].key)


def unfinished_text(stage: str, name: str) -> str:
    """Return why a task cannot start that needs another one, which has failed or will never be done."""
    return f"needs {stage} {name}, which did not finish"


def needs_text(task: RecordedTask, earlier: Mapping[Key, JudgedTask]) -> str:
    """Return the stages that a task still waits for; empty if it waits for none."""
    needs = [earlier[need] for need in task.needs if need in earlier and earlier[need].state != "done"]
    if STAGES[task.stage].after:
        needs = [need for need in needs if need.under_way]
    stages = list(dict.fromkeys(need.stage for need in needs))
    return ", ".join(stages) + f" ({len(needs)} tasks)" * (len(needs) > 1)


def _waits_for(otherwise: str) -> Callable[[Case], Words]:
    return lambda case: (None, needs_text(case.task, case.earlier) or otherwise)


def _always(cause: Cause | None, text: str) -> Callable[[Case], Words]:
    return lambda case: (cause, text)


_WORDS: dict[Verdict, Callable[[Case], Words]] = {
    "runs": _running,
    "is being ended": _always(None, "it is being cancelled, and its process still lives"),
    "waits for what cannot come": _blocked,
    "is held": _held,
    "is in the queue": _queued,
    "is damaged": _damaged,
    "is done": _always(None, ""),
    "said why it failed": _failed,
    "job ended": _ended,
    "not answered for": _waits_for("the scheduler, which has not answered for it"),
    "was stopped": _always("cancelled", "it was stopped; what was done is kept"),
    "died": _died,
    "job is unknown": _always("unknown", "its job is gone; only accounting could tell why"),
    "lacks what it needs": _blocked,
    "has its turn to come": _waits_for("free cores"),
    "was not sent": _always(None, "not submitted"),
}
