"""What was sent to an executor elsewhere: each submission's arrays, and which of their elements is which task."""

import re
import uuid
from collections.abc import Container, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from runner.executors.job_state import Origin
from runner.record.array_ids import element
from runner.record.submission_files import JOBS, PROVENANCE
from srcnn.damage import DamagedFile
from srcnn.files import read_json, write_json
from srcnn.paths import StudyPaths
from srcnn.records import record
from srcnn.schema import Attempt

LOST = "only the scheduler knows which jobs it named: cancel those of the study that it lists, then delete the file"
Key = tuple[str, str]  # a task's stage and name
_TOKEN = re.compile(r"srcnn-[0-9a-f]{16}")


@dataclass(frozen=True)
class SentArray:
    """Tasks that were sent together: the number of their job, and the tasks in the order of its elements.

    The array is on record before it is sent, and has no number until the executor has answered. Its ``token`` goes
    with the job, so that it is found where the answer was never written down. ``name`` is the job's. So many tasks
    as ``size`` says share a job, which does ``at_once`` of them at once; those that are ``taken_back`` it leaves alone.
    """

    stage: str
    job: str
    tasks: tuple[str, ...]
    token: str = ""
    name: str = ""
    size: int = 1
    at_once: int = 1
    taken_back: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """The id of each task's job, as executors write it; none while it has no number."""
        if not self.job:
            return ()
        if len(self.tasks) <= self.size:
            return (self.job,) * len(self.tasks)
        return tuple(element(self.job, index // self.size) for index in range(len(self.tasks)))

    def keys(self, job: str) -> list[Key]:
        """Return the tasks of one of its jobs, by the job's id."""
        first = self.size * int(job.rpartition("_")[2]) if len(self.tasks) > self.size else 0
        return [(self.stage, task) for task in self.tasks[first : first + self.size]]


@dataclass(frozen=True)
class _Sent:
    """What the file of a submission's jobs holds."""

    executor: str
    sent_at: float
    arrays: tuple[SentArray, ...]


@dataclass
class Submission:
    """The arrays that one ``submit`` sent, and the name of the executor; ``sent_at`` is its time before the first."""

    folder: Path
    executor: str
    arrays: list[SentArray] = field(default_factory=list)
    sent_at: float = 0.0

    @cached_property
    def owner(self) -> int:
        """The user who sent it."""
        return self.folder.stat().st_uid

    def add(self, array: SentArray) -> None:
        """Take an array on record, at once: a job that nobody knows of could not be cancelled."""
        self.arrays.append(array)
        self._write()

    def intend(self, stage: str, tasks: Iterable[str], name: str, size: int = 1, at_once: int = 1) -> SentArray:
        """Take on record an array that is about to be sent, with a token of its own."""
        array = SentArray(stage, "", tuple(tasks), f"srcnn-{uuid.uuid4().hex[:16]}", name, size, at_once)
        self.add(array)
        return array

    def number(self, array: SentArray, job: str) -> None:
        """Take the number of an array's job on record."""
        self.arrays = [replace(known, job=job) if known.token == array.token else known for known in self.arrays]
        self._write()

    def take_back(self, keys: Container[Key]) -> None:
        """Take on record that jobs which several tasks share shall leave some of them alone."""
        for number, array in enumerate(self.arrays):
            taken = (task for task in array.tasks if task in array.taken_back or (array.stage, task) in keys)
            self.arrays[number] = replace(array, taken_back=tuple(taken))
        self._write()

    def _write(self) -> None:
        sent = _Sent(self.executor, self.sent_at, tuple(self.arrays))
        write_json(self.folder / JOBS, asdict(sent), durable=True)

    def precedes(self, name: str | None) -> bool:
        """Say whether another submission, by the name of its folder, came later and is still on record."""
        if name is None or submission_number(name) <= submission_number(self.folder.name):
            return False
        return self.folder.with_name(name).is_dir()


@dataclass(frozen=True)
class SentJob:
    """The job that a task was sent as: its id, the task, the array that it is in, the submission of that."""

    id: str
    key: Key
    array: SentArray
    submission: Submission

    @property
    def origin(self) -> Origin:
        """What tells it from other jobs of its number."""
        return Origin(self.array.name, self.array.token, self.submission.sent_at, self.submission.owner)


def token_in(comment: str) -> str | None:
    """Return the token in a job's comment, to which a site may have added its own; None if there is none."""
    match = _TOKEN.search(comment)
    return match[0] if match else None


def new_submission(paths: StudyPaths) -> Path:
    """Return a new folder for what is about to be sent, numbered after those that are there.

    The number orders submissions, whatever clocks the machines have that send them; the time behind
    it is for people, and makes the name unique where a folder was taken away.
    """
    paths.submissions.mkdir(parents=True, exist_ok=True)
    number = max((submission_number(folder.name) for folder in paths.submissions.iterdir()), default=0)
    while True:
        number += 1
        folder = paths.submission(f"{number:04d}-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder


def submission_number(name: str) -> int:
    """Return the number that the name of a submission's folder begins with; 0 for any other name."""
    number, _, _ = name.partition("-")
    return int(number) if number.isdecimal() else 0


def is_own(folder: Path) -> bool:
    """Say whether a submission was made in the study's folder that it lies in, and did not come here in a copy.

    Its jobs write where it was made. A folder that was renamed since is the same, a copy is not.
    """
    try:
        provenance = read_json(folder / PROVENANCE, dict)
    except DamagedFile:
        return True
    if not provenance or not isinstance(provenance.get("study"), str):
        return True
    home, here = Path(provenance["study"]), folder.parents[1].resolve()
    if home == here:
        return True
    if (home / folder.parent.name / folder.name).is_dir():
        return home.samefile(here)
    return bool(provenance.get("inode") == folder.stat().st_ino)


def own_attempt(paths: StudyPaths, attempt: Attempt) -> Attempt:
    """Return an attempt as this study sees it: one that runs for the study that this is a copy of has ended here."""
    if attempt.outcome == "running" and attempt.submission and not is_own(paths.submission(attempt.submission)):
        return replace(attempt, outcome="interrupted")
    return attempt


def submissions(paths: StudyPaths) -> Iterator[Submission]:
    """Give every submission of a study to an executor elsewhere, oldest first, as it is on record."""
    for file in sorted(paths.submissions.glob(f"*/{JOBS}"), key=lambda file: submission_number(file.parent.name)):
        sent = read_submission(file.parent)
        if sent and is_own(file.parent):  # and the folder was not taken away since it was listed
            yield sent


def read_submission(folder: Path) -> Submission | None:
    """Return a submission as it is on record in its folder; None if nothing was sent."""
    sent: _Sent | None = read_json(folder / JOBS, record(_Sent), LOST)
    return Submission(folder, sent.executor, list(sent.arrays), sent.sent_at) if sent else None


def sent_jobs(sent: Iterable[Submission]) -> Iterator[SentJob]:
    """Give every job of some submissions, in their order."""
    for submission in sent:
        for array in submission.arrays:
            for task, job in zip(array.tasks, array.ids, strict=False):  # it may have no ids yet
                yield SentJob(job, (array.stage, task), array, submission)


def latest_jobs(sent: Iterable[Submission]) -> dict[Key, SentJob]:
    """Return the last job that each task was sent as; the submissions come oldest first.

    A job whose number its executor has given to a later one is over, and left out.
    """
    jobs: dict[Key, SentJob] = {}
    by_id: dict[tuple[str, str], SentArray] = {}
    for job in sent_jobs(sent):
        jobs[job.key], by_id[job.submission.executor, job.id] = job, job.array
    return {key: job for key, job in jobs.items() if by_id[job.submission.executor, job.id] is job.array}
