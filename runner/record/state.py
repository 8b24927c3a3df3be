"""Where each task of a study stands, and why: from the study's own files, then from one question to each executor."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from jobs.processes import is_alive
from runner.executors.executor import Executor
from runner.executors.job_state import Answer, JobState, SchedulerError
from runner.record.judged import JudgedTask
from runner.record.lock import Holder, holder
from runner.record.sent import by_executor
from runner.record.shared_job import of_one_task
from runner.record.submission import Key, SentJob, Submission, latest_jobs, submission_number, submissions
from runner.record.tasks import RecordedTask, known_tasks
from runner.record.verdict import STATE_OF, Signs, TaskState, verdict
from runner.record.words import Case, words
from runner.study.stages import STAGES
from srcnn.door import full_disk
from srcnn.paths import StudyPaths
from srcnn.schema import Attempt


@dataclass(frozen=True)
class StudyStatus:
    """All tasks of a study, and what was amiss at the time when they were looked at."""

    folder: Path
    tasks: list[JudgedTask]
    time: float
    notes: list[str] = field(default_factory=list)
    runner: Holder | None = None

    def of(self, state: TaskState) -> list[JudgedTask]:
        """Return the tasks in a state."""
        return [task for task in self.tasks if task.state == state]

    def active_jobs(self) -> dict[Key, str]:
        """Return the job of each task that is queued or running."""
        return {task.key: task.job for task in self.tasks if task.job and task.under_way}


def study_status(paths: StudyPaths, now: float) -> StudyStatus:
    """Return where a study stands. ``now`` is the time in seconds since the epoch.

    Raises FileNotFoundError for a folder that is no submitted study.
    """
    tasks = known_tasks(paths)
    sent, notes = _sent(paths)
    jobs = latest_jobs(sent)
    answers: dict[str, tuple[Executor, Answer]] = {}
    for asked, _ in by_executor(sent):
        ours = [(task, jobs[task.key]) for task in tasks if task.key in jobs]
        ours = [(task, job) for task, job in ours if job.submission.executor == asked.name]
        wanted = {job.id: job.origin for task, job in ours if not _is_settled(task)}
        settled = {job.id: job.origin for task, job in ours if _is_settled(task)}
        answers[asked.name] = asked, asked.states(wanted, settled)
    notes += [answer.note for _, answer in answers.values() if answer.note]
    runner = holder(paths)
    watched = runner is not None and runner.doing == "run"
    judged: dict[Key, JudgedTask] = {}
    busy = Counter(task.attempt.job for task in tasks if task.attempt and task.attempt.outcome == "running")
    for task in tasks:
        job = jobs.get(task.key)
        executor: Executor | None
        executor, answer = answers[job.submission.executor] if job else (None, Answer())
        if job and _is_settled(task) and (job.array.size > 1 or job.id not in answer.states):
            job = None
        judged[task.key] = judge(task, job, executor, answer, judged, watched, busy[job.id] if job else 0)
    return StudyStatus(paths.folder, list(judged.values()), now, notes, runner)


def _sent(paths: StudyPaths) -> tuple[list[Submission], list[str]]:
    """Return the submissions of a study, oldest first, and what of them cannot be known now."""
    known, notes = [], []
    for executor, sent in by_executor(submissions(paths)):
        try:
            known += executor.find_unrecorded(paths, sent)
        except SchedulerError as error:
            known += sent
            said = str(error).splitlines()[0]
            notes.append(f"a submission was killed, and whether it sent jobs that run is unknown ({said})")
    return sorted(known, key=lambda each: submission_number(each.folder.name)), notes


def _is_settled(task: RecordedTask) -> bool:
    """Say whether the study's own files say all: nothing is asked of an executor then."""
    return task.complete and not STAGES[task.stage].after and (task.attempt is None or task.attempt.outcome == "done")


def judge(
    task: RecordedTask,
    sent: SentJob | None,
    executor: Executor | None,
    answer: Answer,
    earlier: Mapping[Key, JudgedTask],
    watched: bool,
    busy: int = 0,
) -> JudgedTask:
    """Return where a task stands.

    ``sent`` is the last job that it was sent as, with the executor that has it and what that answers; ``earlier`` are
    the tasks that were judged before it; ``watched``: a process runs the study; ``busy``: how many tasks its job does.
    """
    attempt = task.attempt
    if sent and attempt and attempt.submission != sent.submission.folder.name:
        if sent.submission.precedes(attempt.submission):
            sent = None  # it was run on this machine since
        else:
            attempt = None  # it belongs to an earlier submission, which may have been started again
    job = answer.states.get(sent.id) if sent else None
    of_job = executor.log(sent.submission.folder, task.stage, sent.id) if sent and executor else None
    log = attempt.log if attempt else _text(of_job)
    needs = [earlier[need] for need in task.needs if need in earlier]
    waits_for_all = bool(STAGES[task.stage].after)
    lacking = not waits_for_all and any(need.state == "failed" for need in needs)
    if sent and sent.array.size > 1:
        job = of_one_task(job, sent.array, task.name, attempt.outcome if attempt else None, lacking, busy)
    signs = Signs(
        outcome=attempt.outcome if attempt else None,
        alive=_alive(attempt, job),
        sent=sent is not None,
        job=job,
        answered=answer.answered,
        complete=answer.complete,
        done=task.complete and (not waits_for_all or all(need.state in ("done", "failed") for need in needs)),
        damaged=bool(task.damaged),
        lacking=lacking,
        watched=watched,
    )
    meaning = verdict(signs)
    may_be_silent = log if meaning in ("job ended", "died") else None
    cause, detail = words(
        meaning,
        Case(
            task,
            attempt,
            job,
            earlier,
            seen=signs.alive is False,
            full_disk=full_disk(Path(may_be_silent).parent) if may_be_silent else "",
            says_memory=_says_memory(executor, may_be_silent, of_job) if may_be_silent and executor else False,
            executor=executor.title if executor else "",
        ),
    )
    host = attempt.host if attempt else None
    state = JudgedTask(
        task.stage,
        task.name,
        task.label,
        STATE_OF[meaning],
        cause,
        detail,
        attempts=task.attempts,
        job=sent.id if sent else None,
        host=job.node if job and job.held_by and job.node else host,
        log=log,
        held_by=job.held_by if job and meaning == "is held" else None,
        executor=executor.name if sent and executor else None,
        run=task.run,
    )
    if state.state != "running" or not attempt or attempt.outcome != "running":
        return state
    note = detail if meaning == "is being ended" else attempt.note
    progress = {"done": attempt.done, "total": attempt.total, "seconds_left": attempt.seconds_left}
    return replace(state, note=note, **progress)  # type: ignore[arg-type]


def _alive(attempt: Attempt | None, job: JobState | None) -> bool | None:
    """Return whether the process of an attempt lives; None if it cannot be seen, or need not be looked for."""
    if not attempt or attempt.outcome != "running" or (job and job.alive):
        return None
    return is_alive(attempt.host, attempt.pid, attempt.born)


def _says_memory(executor: Executor, log: str, of_job: Path | None) -> bool:
    """Say whether the executor wrote so into a task's log, or into that of the job which it shares with others."""
    return any(map(executor.says_memory, {Path(log), of_job or Path(log)}))


def _text(log: Path | None) -> str | None:
    return str(log) if log else None
