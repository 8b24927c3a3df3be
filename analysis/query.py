"""The query that the commands share: words on the command line, and one table of means."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from analysis.aggregate import KINDS, by_picture, last_epochs, mean_over_pictures, scanned_columns
from analysis.evidence import Evidence
from analysis.scores import scan
from analysis.study import StudyResults, with_frames, with_names
from srcnn.metrics import about

# Names that the commands use for columns of by_picture.
NAMES = {"patch": "crop"}
COLUMNS = (
    *("run", "variant", "epoch", "set", "image", "clip", "frame"),
    *("method", "protocol", "upsampler", "zoom", "definition", "crop"),
)
_MADE = ("variant", "crop", "clip", "frame")  # not stored in the score table


def means(
    study: StudyResults,
    by: Sequence[str],
    metrics: Sequence[str],
    where: Mapping[str, Sequence[str]],
    spread: bool = False,
) -> tuple[pd.DataFrame, list[str]]:
    """Return means over pictures for every combination of ``by``, and the columns that were added to it.

    ``by`` and ``where`` take the names in COLUMNS and dotted settings such as ``training.loss``.
    Unless epochs are asked for, each run's last counts. Protocols, definitions, zooms, methods and
    patch sizes are never averaged over: those that differ are added to ``by``.

    Raises ValueError for a name that does not exist, with those that do.
    """
    _check(study, [*by, *where], metrics)
    frame = pictures(study, metrics, where)
    if "epoch" not in by and "epoch" not in where:
        frame = last_epochs(frame)
    for name in by:
        if "." in name:
            frame = frame.assign(**{name: _setting(frame, study, name)})
    columns = [NAMES.get(name, name) for name in by]
    kinds = [name for name in KINDS if name not in columns and frame[name].astype(object).nunique(dropna=False) > 1]
    if "run" in columns or "variant" in columns:  # bicubic and direct have names of their own there
        kinds = [name for name in kinds if name != "method"]
    if "frame" in columns and "clip" not in columns and frame["clip"].nunique() > 1:  # each has a first frame
        kinds.append("clip")
    # A patch size is missing for luma alone, which its protocol says already.
    if "crop" in kinds and frame["crop"].nunique() < 2:
        kinds.remove("crop")
    table = mean_over_pictures(frame, [*columns, *kinds], metrics, spread)
    back = {column: name for name, column in NAMES.items() if name in by}
    table = table.rename(columns=back)
    if "epoch" in table:
        table["epoch"] = table["epoch"].astype("Int64")
    return table.sort_values([*by, *kinds], key=_in_order, kind="stable", ignore_index=True), kinds


def pictures(study: StudyResults, metrics: Sequence[str], where: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Return ``by_picture`` of the rows that the conditions leave; read no more than they need."""
    stored = {name: _typed(name, values) for name, values in where.items() if name not in _MADE and "." not in name}
    frame = with_names(by_picture(scan(study, scanned_columns(metrics), baselines=True, **stored), metrics), study)
    frame = with_frames(frame, study)
    if "run" in where:
        ids = {run.run_id for run in study.runs}
        known = {str(value) for value in where["run"]}
        wanted = frame["run"].isin(known) | frame["variant"].isin(known)
        frame = frame[wanted | frame["run_id"].astype(str).isin(known & ids)]
    for name in _MADE:
        if name in where:
            frame = frame[frame[name].astype(str).isin(where[name])]
    for name in where:
        if "." in name:
            frame = frame[_setting(frame, study, name).isin(where[name])]
    return frame


def _setting(frame: pd.DataFrame, study: StudyResults, name: str) -> pd.Series:
    """Return a setting of each row's run, as text; nothing for baselines."""
    values = {run.label: _text(run.settings.get(name)) for run in study.runs}
    return frame["label"].astype(object).map(values)


def parse_where(words: Iterable[str]) -> dict[str, list[str]]:
    """Return ``["protocol=region,luma", "epoch=8"]`` as values by column. Raises ValueError if a word has no ``=``."""
    where = {}
    for word in words:
        name, sign, values = word.partition("=")
        if not sign or not name or not values:
            raise ValueError(f"--where takes column=value[,value], not {word!r}")
        where[name] = values.split(",")
    return where


def split(text: str) -> list[str]:
    """Return the names in a comma-separated list."""
    return [name.strip() for name in text.split(",") if name.strip()]


def default_metrics(study: StudyResults) -> list[str]:
    """Return the metrics that a study asked for."""
    return list(Evidence(study).metrics)


def _check(study: StudyResults, names: Iterable[str], metrics: Iterable[str]) -> None:
    settings = list(dict.fromkeys(key for run in study.runs for key in run.settings))
    for name in names:
        if name not in COLUMNS and name not in settings:
            near = difflib.get_close_matches(name, [*COLUMNS, *settings], n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise ValueError(
                f"unknown column {name!r}; {hint}known: {', '.join(COLUMNS)}, and settings such as training.loss"
            )
    for name in metrics:
        about(name)  # raises ValueError, which names the known ones


def _typed(name: str, values: Sequence[str]) -> list[Any]:
    if name not in ("epoch", "zoom"):
        return list(values)
    try:
        return [int(value) for value in values]
    except ValueError:
        raise ValueError(f"{name} is a whole number, not {', '.join(values)}") from None


def _text(value: Any) -> str | None:
    return None if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _in_order(column: pd.Series) -> pd.Series:
    """Return sort keys: text by its first appearance in the study, numbers by value."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column
    return pd.Series(pd.factorize(column)[0], index=column.index)
