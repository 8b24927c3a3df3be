"""What was sent to the cluster: each submission's arrays, and which of their elements is which task."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from srcnn.files import read_json, write_json
from srcnn.paths import StudyPaths

TIME_FORMAT = "%Y%m%dT%H%M%S.%fZ"  # of a submission's folder
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
        write_json(self.folder / "jobs.json", {"executor": "slurm", "arrays": [vars(each) for each in self.arrays]})

    def job_ids(self) -> dict[Key, str]:
        """The job of each task."""
        return {(a.stage, name): job for a in self.arrays for name, job in zip(a.tasks, a.ids, strict=True)}

    def sent_at(self) -> float:
        """When it was sent, in seconds since the epoch: its folder's name says so."""
        return datetime.strptime(self.folder.name, TIME_FORMAT).replace(tzinfo=UTC).timestamp()

    def log(self, stage: str, job: str) -> Path:
        """Where the output of a task's job lies (submitit's name for it)."""
        return self.folder / stage / f"{job}_0_log.out"


def submissions(paths: StudyPaths) -> Iterator[Submission]:
    """Every submission of a study to SLURM, oldest first."""
    for file in sorted(paths.submissions.glob("*/jobs.json")):
        value: dict[str, Any] = read_json(file)
        if value.get("executor") == "slurm":
            arrays = [SentArray(each["stage"], each["job"], tuple(each["tasks"])) for each in value["arrays"]]
            yield Submission(file.parent, arrays)


def latest_jobs(paths: StudyPaths) -> dict[Key, tuple[str, Submission]]:
    """The last job that each task was sent as, with its submission."""
    return {key: (job, each) for each in submissions(paths) for key, job in each.job_ids().items()}
