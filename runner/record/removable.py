"""What may be taken out of a study's folder, and what that costs: one table."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.record.submission_files import CODE, KILL_COUNT
from srcnn.damage import SUFFIX
from srcnn.files import TEMPORARY
from srcnn.paths import GROUPS, RunPaths, StudyPaths
from srcnn.place import has_ended

DAY_S = 24 * 3600.0  # a temporary file of another machine or container is left over after this time
_OWNER = re.compile(r"[rb][0-9a-f]{10}")


@dataclass(frozen=True)
class StudyFiles:
    """A study's folder, what its ``contents.json`` says, and the time in seconds since the epoch."""

    paths: StudyPaths
    contents: Mapping[str, Any]
    now: float

    def runs(self) -> Iterator[tuple[Mapping[str, Any], RunPaths]]:
        """Give the runs of the study as last submitted."""
        for run in self.contents["runs"]:
            yield run, self.paths.run(run["run_id"])


@dataclass(frozen=True)
class Removable:
    """A kind of files: what they are, where they lie, what is lost with them.

    ``cost`` says it in words. Only what costs nothing is removed by default.
    """

    what: str
    find: Callable[[StudyFiles], Iterable[Path]]
    cost: str = "nothing"
    default: bool = False


def _damaged(study: StudyFiles) -> Iterator[Path]:
    return (path for path in _everything(study) if path.suffix == SUFFIX)


def _temporary(study: StudyFiles) -> Iterator[Path]:
    return (path for path in _everything(study) if _is_left_over(path, study.now))


def _everything(study: StudyFiles) -> Iterator[Path]:
    """Give files and folders of the study, without the code that was submitted, and the files of ROOT/data."""
    for folder, subfolders, files in os.walk(study.paths.folder):
        if Path(folder).parent.parent == study.paths.submissions:
            subfolders[:] = [name for name in subfolders if name != CODE]
        yield from (Path(folder, name) for name in (*subfolders, *files))
        subfolders[:] = [name for name in subfolders if not TEMPORARY.fullmatch(name)]
    if study.paths.root.data.is_dir():
        yield from (path for path in study.paths.root.data.iterdir() if path.is_file())


def _is_left_over(path: Path, now: float) -> bool:
    temporary = TEMPORARY.fullmatch(path.name)
    if not temporary:
        return False
    if has_ended(temporary["mark"]):
        return True
    try:
        stat = path.lstat()
    except FileNotFoundError:
        return False
    # A folder that is renamed to be deleted keeps the time of its content; its inode changed just now.
    return now - max(stat.st_mtime, stat.st_ctime) > DAY_S


def _intermediate(study: StudyFiles) -> Iterator[Path]:
    """Give earlier states of runs that are trained to the end: other runs may still resume from them."""
    for run, paths in study.runs():
        if paths.last.exists() and all(paths.checkpoint(epoch).exists() for epoch in run["epochs"]):
            yield from paths.checkpoints.glob("previous_*.pt")


def _in_submissions(study: StudyFiles, *suffixes: str) -> Iterator[Path]:
    # An executor writes into the submission's folder, or into one a stage.
    for depth in ("*/*", "*/*/*"):
        for file in study.paths.submissions.glob(depth):
            if file.suffix in suffixes and file.parent.name != CODE and file.is_file():
                yield file


def _submitit(study: StudyFiles) -> Iterator[Path]:
    return _in_submissions(study, ".pkl", ".sh", KILL_COUNT)


def _logs(study: StudyFiles) -> Iterator[Path]:
    return _in_submissions(study, ".out", ".err", ".log")


def _code(study: StudyFiles) -> Iterator[Path]:
    return study.paths.submissions.glob(f"*/{CODE}")


def _superseded(study: StudyFiles) -> Iterator[Path]:
    from runner.record.superseded import superseded_shards  # brings numpy, which --help does without

    return superseded_shards(study.paths, study.contents)


def _pictures(study: StudyFiles) -> Iterator[Path]:
    for _, paths in study.runs():
        yield from (paths.folder / group for group in GROUPS.values())


def _baselines(study: StudyFiles) -> Iterator[Path]:
    for degradation in {run["degradation_id"]: None for run in study.contents["runs"]}:
        yield study.paths.baseline(degradation)


def _checkpoints(study: StudyFiles) -> Iterator[Path]:
    for _, paths in study.runs():
        yield from paths.checkpoints.glob("*.pt")


def _other_runs(study: StudyFiles) -> Iterator[Path]:
    ours = {run[name] for run in study.contents["runs"] for name in ("run_id", "degradation_id")}
    for parent in (study.paths.runs, study.paths.scores(""), study.paths.baseline("")):
        for folder in sorted(parent.glob("*")):
            if folder.is_dir() and _OWNER.fullmatch(folder.name) and folder.name not in ours:
                yield folder


AGAIN = "the next submit makes them again"
REPORT = "the report is written again"

REMOVABLE = {
    "damaged": Removable("files that were set aside as damaged", _damaged, default=True),
    "temporary": Removable("what killed processes left half written or half deleted", _temporary, default=True),
    "intermediate": Removable(
        "states before last.pt, of runs that are trained to the end", _intermediate, default=True
    ),
    "submissions": Removable("submitit's pickles and batch files; records and logs stay", _submitit, default=True),
    "superseded": Removable(
        "scores by earlier evaluation settings, where those by the present ones are complete",
        _superseded,
        f"{REPORT}; scoring again, if the study returns to those settings",
    ),
    "pictures": Removable(
        "restored pictures: scoring reads them, and the report's figures show some",
        _pictures,
        f"{AGAIN}: restoring, then scoring",
    ),
    "baselines": Removable(
        "interpolated pictures: as above",
        _baselines,
        f"{AGAIN}: interpolating and scoring",
    ),
    "checkpoints": Removable(
        "trained networks: kept epochs, best.pt and last.pt",
        _checkpoints,
        f"{AGAIN}: training, restoring, scoring",
    ),
    "runs": Removable(
        "runs and baselines that the study no longer has: networks, pictures, scores, records",
        _other_runs,
        f"{REPORT}; everything of them, if a sweep names them again",
    ),
    "code": Removable(
        "copies of the code that was submitted", _code, "provenance.json then only names the commit that ran"
    ),
    "logs": Removable("output of tasks, also of failed ones", _logs, "why a task failed is then in its record only"),
}
