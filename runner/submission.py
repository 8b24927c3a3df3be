"""What was sent to the cluster: each submission's arrays, and which of their elements is which task."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from srcnn.files import read_json, write_json
from srcnn.paths import StudyPaths

LOST = "only SLURM knows which jobs it named: cancel those of the study that squeue --me lists, then delete the file"
Key = tuple[str, str]  # a task's stage and name


@dataclass(frozen=True)
class SentArray:
    """One call of sbatch: the number of its job, and its tasks in the order of the array's elements."""

    stage: str
    job: str
    tasks: tuple[str, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """The id of each task's job, as sacct and squeue write it."""
        return tuple(f"{self.job}_{index}" for index in range(len(self.tasks))) if len(self.tasks) > 1 else (self.job,)


@dataclass
class Submission:
    """The arrays that one ``submit`` sent, on record as soon as each was sent."""

    folder: Path
    arrays: list[SentArray] = field(default_factory=list)

    def add(self, array: SentArray) -> None:
        """Take an array on record, at once: a job that nobody knows of could not be cancelled."""
        self.arrays.append(array)
        about = {"executor": "slurm", "arrays": [vars(each) for each in self.arrays]}
        write_json(self.folder / "jobs.json", about, durable=True)

    def job_ids(self) -> dict[Key, str]:
        """The job of each task."""
        return {(a.stage, name): job for a in self.arrays for name, job in zip(a.tasks, a.ids, strict=True)}

    def precedes(self, name: str | None) -> bool:
        """Whether another submission, by the name of its folder, came later and is still on record."""
        if name is None or submission_number(name) <= submission_number(self.folder.name):
            return False
        return self.folder.with_name(name).is_dir()

    def log(self, stage: str, job: str) -> Path:
        """Where the output of a task's job lies (submitit's name for it)."""
        return self.folder / stage / f"{job}_0_log.out"


def new_submission(paths: StudyPaths) -> Path:
    """A new folder for what is about to be sent, numbered after those that are there.

    The number orders submissions, whatever clocks the machines have that send them; the time behind
    it is for people, and makes the name unique where a folder was taken away.
    """
    paths.submissions.mkdir(parents=True, exist_ok=True)
    number = max((submission_number(each.name) for each in paths.submissions.iterdir()), default=0)
    while True:
        number += 1
        folder = paths.submission(f"{number:04d}-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder


def submission_number(name: str) -> int:
    """The number that the name of a submission's folder begins with; 0 for any other name."""
    number, _, _ = name.partition("-")
    return int(number) if number.isdecimal() else 0


def submissions(paths: StudyPaths) -> Iterator[Submission]:
    """Every submission of a study to SLURM, oldest first."""
    for file in sorted(paths.submissions.glob("*/jobs.json"), key=lambda file: submission_number(file.parent.name)):
        value: dict[str, Any] = read_json(file, dict, LOST)
        if value.get("executor") == "slurm":
            arrays = [SentArray(each["stage"], each["job"], tuple(each["tasks"])) for each in value["arrays"]]
            yield Submission(file.parent, arrays)


def latest_jobs(paths: StudyPaths) -> dict[Key, tuple[str, Submission]]:
    """The last job that each task was sent as, with its submission."""
    return {key: (job, each) for each in submissions(paths) for key, job in each.job_ids().items()}
