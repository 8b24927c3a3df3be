"""The records of how the study was made: attempts, failures by cause, seconds and core-hours."""

import platform
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pandas as pd

from analysis.study import StudyResults
from srcnn.attempts import read_attempt
from srcnn.schema import Attempt
from srcnn.words import whole

PACKAGES = (
    "torch",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "pillow",
    "opencv-python-headless",
    "scikit-image",
    "numba",
)


def attempts(study: StudyResults) -> Iterator[Attempt]:
    """Give every record of an attempt that can be read."""
    for folder in (study.paths.attempts, *sorted(study.paths.runs.glob("*/attempts"))):
        for attempt in filter(None, map(read_attempt, sorted(folder.glob("*.json")))):
            yield Attempt(**whole(attempt.to_json()))


def latest_attempts(study: StudyResults) -> list[Attempt]:
    """Return the last attempt of each task."""
    latest: dict[tuple[str, str], Attempt] = {}
    for record in attempts(study):
        key = (record.stage, record.task)
        if key not in latest or record.number > latest[key].number:
            latest[key] = record
    return list(latest.values())


def failures(study: StudyResults) -> pd.DataFrame:
    """Return the tasks whose last attempt failed, grouped by stage and cause, with an example's message and log."""
    labels = {run.run_id: run.label for run in study.runs}
    groups: dict[tuple[str, str, str], dict[str, Any]] = {}
    for record in latest_attempts(study):
        if record.outcome not in ("failed", "interrupted"):
            continue
        message = (record.message or "").strip()
        key = (record.stage, record.cause or record.outcome, _pattern(message))
        group = groups.setdefault(
            key,
            {
                "stage": key[0],
                "cause": key[1],
                "tasks": 0,
                "message": message,
                "which": [],
                "log": record.log or "",
            },
        )
        group["tasks"] += 1
        group["which"].append(labels.get(record.task.split(".")[0], record.task))
    rows = [{**group, "which": _some(group["which"])} for group in groups.values()]
    return pd.DataFrame(rows).sort_values("tasks", ascending=False) if rows else pd.DataFrame()


def _pattern(message: str) -> str:
    """Return a message without its numbers and paths, which differ from task to task."""
    first = message.splitlines()[0] if message else ""
    return re.sub(r"\d+", "#", re.sub(r"\S*/\S+", "PATH", first))


def _some(names: list[str], most: int = 4) -> str:
    unique = list(dict.fromkeys(names))
    return ", ".join(unique[:most]) + (f" and {len(unique) - most} more" if len(unique) > most else "")


def costs(study: StudyResults) -> pd.DataFrame:
    """Return seconds and core-hours of each stage over all attempts, with the numbers of tasks, attempts and failures.

    An attempt that was killed has no end and counts as nothing; one without a record of its cores
    counts as one core.
    """
    table: dict[str, dict[str, Any]] = {}
    for record in attempts(study):
        row = table.setdefault(
            record.stage,
            {
                "stage": record.stage,
                "tasks": set(),
                "attempts": 0,
                "failed": 0,
                "seconds": 0.0,
                "core_hours": 0.0,
                "cores": True,
            },
        )
        row["tasks"].add(record.task)
        row["attempts"] += 1
        row["failed"] += record.outcome in ("failed", "interrupted")
        seconds = max(0.0, (record.end or record.start) - record.start)
        row["seconds"] += seconds
        row["core_hours"] += seconds * (record.cores or 1) / 3600
        row["cores"] &= bool(record.cores)
    order = dict.fromkeys(task["stage"] for task in study.contents["tasks"])
    stages = [*(stage for stage in order if stage in table), *(stage for stage in table if stage not in order)]
    return pd.DataFrame([{**table[stage], "tasks": len(table[stage]["tasks"])} for stage in stages])


def versions() -> pd.DataFrame:
    """Return the versions of Python and the packages that results depend on, as installed where the page is made."""
    rows = [("python", platform.python_version())]
    for name in ("srcnn-runner", *PACKAGES):
        try:
            rows.append((name, version(name)))
        except PackageNotFoundError:
            rows.append((name, "not installed"))
    return pd.DataFrame(rows, columns=["package", "version"])
