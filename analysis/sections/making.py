"""The making of the study: settings, failures, costs, versions, and the command that repeats it."""

import shlex
from typing import Any

import pandas as pd

from analysis.evidence import Evidence
from analysis.page import Column, PageSection, Prose, Table
from analysis.records import costs, failures, versions
from analysis.study import StudyResults, differing
from srcnn.words import duration


def section(evidence: Evidence) -> PageSection:
    """Return everything that is known of the making, also when nothing was scored."""
    study = evidence.study
    blocks: list[Any] = [_progress(evidence), _settings(study)]
    failed = failures(study)
    if len(failed):
        heads = ["stage", "tasks", "cause", "message", "which", "log"]
        blocks.append(Table("failures", "Failures by cause", failed, [Column(head, head) for head in heads]))
    else:
        blocks.append(Prose("No task's last attempt failed.", "faint"))
    blocks += [_costs(study), _common(study), _versions()]
    command, anew = commands(study)
    blocks.append(Prose("Go on, or make what is missing:", code=command))
    blocks.append(Prose("Repeat it from the start in another folder:", code=anew))
    return PageSection("making", "How it was made", [block for block in blocks if block])


def _progress(evidence: Evidence) -> Table | None:
    if not len(evidence.progress):
        return None
    columns = [Column(name, name) for name in ("stage", "tasks", "done", "running", "failed")]
    columns.append(Column("work left", "seconds", text=lambda value: duration(value) if value == value else "–"))
    caption = "For each task that is left, the time that those of its stage took that are done."
    return Table("progress", "How far each stage is", evidence.progress, columns, caption)


def commands(study: StudyResults) -> tuple[str, str]:
    """Return the commands that finish this study, and that repeat it elsewhere."""
    folder = shlex.quote(str(study.folder))
    data = study.contents.get("data_root")
    data_root = f" --data-root {shlex.quote(data)}" if data else ""
    go_on = f"python -m runner.submit {folder}{data_root}"
    return go_on, f"python -m runner.submit {shlex.quote(str(study.paths.config))} --root NEW_FOLDER{data_root}"


def _settings(study: StudyResults) -> Table | Prose:
    different = differing({run.label: run.settings for run in study.runs})
    if not different:
        return Prose(
            "The study has one run." if len(study.runs) == 1 else "The runs' settings could not be read.", "faint"
        )
    rows = [
        {"run": run.label, "id": run.run_id} | {key: _plain(values[run.label]) for key, values in different.items()}
        for run in study.runs
    ]
    columns = [Column("run", "run"), Column("id", "id"), *(Column(key, key) for key in different)]
    return Table("settings", "What differs between the runs", pd.DataFrame(rows), columns)


def _common(study: StudyResults) -> Table | None:
    if not study.runs:
        return None
    different = differing({run.label: run.settings for run in study.runs})
    rows = [(key, _plain(value)) for key, value in study.runs[0].settings.items() if key not in different]
    columns = [Column("setting", "setting"), Column("value", "value")]
    return (
        Table("common", "What all runs share", pd.DataFrame(rows, columns=["setting", "value"]), columns)
        if rows
        else None
    )


def _costs(study: StudyResults) -> Table | None:
    table = costs(study)
    if not len(table):
        return None
    columns = [
        Column("stage", "stage"),
        Column("tasks", "tasks"),
        Column("attempts", "attempts"),
        Column("failed attempts", "failed"),
        Column("time", "seconds", text=duration),
        Column("core-hours", "core_hours", text=lambda v: f"{v:.3f}" if v < 10 else f"{v:,.0f}"),
    ]
    total = f"{table['core_hours'].sum():.2f} core-hours in all"
    known = bool(table["cores"].all())
    caption = f"{total}, all attempts added up." + (
        "" if known else " An attempt that does not say its cores counts as one core."
    )
    return Table("costs-of-stages", "What each stage took", table.drop(columns="cores"), columns, caption)


def _versions() -> Table:
    columns = [Column("package", "package"), Column("version", "version")]
    return Table("versions", "Versions", versions(), columns, "As installed where this page was made.")


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
