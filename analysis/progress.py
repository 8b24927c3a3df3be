"""How far a study is: its tasks by stage, and how long the rest takes, by the records of what was done so far."""

import math
from contextlib import suppress
from typing import Any

import pandas as pd

from analysis.records import latest_attempts
from analysis.study import StudyResults
from srcnn.outputs import Output, Shelf
from srcnn.words import counted, duration


def progress(study: StudyResults) -> pd.DataFrame:
    """Return, for each stage but the page's own, its tasks, those done, running, failed, and the seconds of work left.

    A task takes as long as those of its stage did that are done; one that runs, what its own pace promises. The
    seconds are nan where no task of a stage ended yet.
    """
    shelf, attempts = Shelf(), {(record.stage, record.task): record for record in latest_attempts(study)}
    took: dict[str, list[float]] = {}
    for record in attempts.values():
        if record.outcome == "done" and record.end:
            took.setdefault(record.stage, []).append(record.end - record.start)
    rows: dict[str, dict[str, Any]] = {}
    for task in study.contents["tasks"]:
        outputs = [Output.from_json(about, study.paths) for about in task["outputs"]]
        if any(output.kind == "report" for output in outputs):
            continue
        stage = task["stage"]
        counts = {"stage": stage} | dict.fromkeys(("tasks", "done", "running", "failed"), 0) | {"seconds": 0.0}
        row = rows.setdefault(stage, counts)
        row["tasks"] += 1
        if _is_done(shelf, outputs):
            row["done"] += 1
            continue
        attempt = attempts.get((stage, task["name"]))
        running = attempt is not None and attempt.outcome == "running"
        row["running"] += running
        row["failed"] += attempt is not None and attempt.outcome in ("failed", "interrupted")
        known = took.get(stage)
        promised = attempt.seconds_left if attempt and running else None
        row["seconds"] += promised if promised is not None else sum(known) / len(known) if known else math.nan
    return pd.DataFrame(list(rows.values()))


def _is_done(shelf: Shelf, outputs: list[Output]) -> bool:
    with suppress(OSError):  # what cannot be read is not done
        return shelf.is_done(outputs)
    return False


def progress_sentence(table: pd.DataFrame) -> str:
    """Return what is done and how long the rest takes, in words."""
    done, tasks, running = (int(table[name].sum()) for name in ("done", "tasks", "running"))
    text = f"{done} of {counted(tasks, 'task')} are done" + (f", {running} under way" if running else "")
    unknown = table.loc[table["seconds"].isna(), "stage"]
    known = float(table["seconds"].sum())
    if len(unknown):
        text += f"; how long {' and '.join(unknown)} will take is not known before the first of them ends"
        text += f", the rest is about {duration(known)} of work" if known else ""
    elif known:
        text += f"; the rest is about {duration(known)} of work"
        text += f", {duration(known / running)} with {running} at a time" if running > 1 else ""
    return f"{text}."
