"""Two studies or runs compared: the settings that differ, and the paired differences of their scores."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.evidence import Evidence
from analysis.statistics import FEWEST, PAIR_KEY, paired_differences, summarise
from analysis.study import RunResults, StudyResults, differing, open_study
from analysis.style import metric_head, with_interval
from srcnn.words import printable


@dataclass(frozen=True)
class Side:
    """One side of a comparison: a study, and the runs of it that are meant."""

    study: StudyResults
    runs: tuple[RunResults, ...]
    name: str


def open_side(text: str) -> Side:
    """Return the side that a study's folder, a run's folder or STUDY:LABEL names.

    Raises FileNotFoundError, ValueError.
    """
    path = Path(text)
    if path.parent.name == "runs" and not (path / "contents.json").exists():
        study = open_study(path.parent.parent)
        runs = tuple(run for run in study.runs if run.run_id == path.name)
        if not runs:
            raise ValueError(f"{text}: no run of the study as last submitted; its runs: {_labels(study)}")
        return Side(study, runs, runs[0].label)
    folder, colon, label = text.partition(":")
    if colon and not path.exists():
        study = open_study(folder)
        runs = tuple(run for run in study.runs if label in (run.label, run.variant, run.run_id))
        if not runs:
            raise ValueError(f"{folder} has no run {label!r}; its runs: {_labels(study)}")
        return Side(study, runs, label)
    study = open_study(path)
    return Side(study, study.runs, study.name)


def _labels(study: StudyResults) -> str:
    return ", ".join(run.label for run in study.runs)


def paired_runs(a: Side, b: Side) -> list[tuple[str, list[RunResults], list[RunResults]]]:
    """Return the pairs to compare: name, runs of A, runs of B (seeds of one variant together).

    If each side has one variant, they are a pair; otherwise variants of the same name are. Raises ValueError if
    there is none.
    """
    groups_a, groups_b = _variants(a), _variants(b)
    if len(groups_a) == len(groups_b) == 1:
        (name_a, runs_a), (name_b, runs_b) = *groups_a.items(), *groups_b.items()
        return [(name_a if name_a == name_b else f"{name_b} against {name_a}", runs_a, runs_b)]
    common = [name for name in groups_a if name in groups_b]
    if not common:
        raise ValueError(
            f"no run of {a.name} has the label of one of {b.name}; name one of each as STUDY:LABEL "
            f"({_labels(a.study)} / {_labels(b.study)})"
        )
    return [(name, groups_a[name], groups_b[name]) for name in common]


def _variants(side: Side) -> dict[str, list[RunResults]]:
    variants: dict[str, list[RunResults]] = {}
    for run in side.runs:
        variants.setdefault(run.variant, []).append(run)
    return variants


def settings_text(a: Side, b: Side, pairs: list[tuple[str, list[RunResults], list[RunResults]]]) -> str:
    """Return the settings in which the pairs differ as text, a line each."""
    lines = [f"A: {a.study.folder} ({a.name})", f"B: {b.study.folder} ({b.name})", ""]
    seen: dict[tuple[str, str, str], list[str]] = {}
    for name, runs_a, runs_b in pairs:
        for key, values in differing({"A": runs_a[0].settings, "B": runs_b[0].settings}).items():
            if key == "seed" and len(runs_a) + len(runs_b) > 2:
                continue
            seen.setdefault((key, str(values["A"]), str(values["B"])), []).append(name)
    for (key, value_a, value_b), names in seen.items():
        where = "" if len(names) == len(pairs) else f"   ({', '.join(names)})"
        lines.append(f"  {key}: {value_a} -> {value_b}{where}")
    return "\n".join(printable(line) for line in (lines if seen else [*lines, "  no setting differs"]))


def effect(
    a: Side,
    b: Side,
    pairs: list[tuple[str, list[RunResults], list[RunResults]]],
    metrics: list[str] | None = None,
    protocols: list[str] | None = None,
) -> tuple[pd.DataFrame, list[str]]:
    """Return B minus A for every pair, set, protocol and upsampler, with intervals; and the metrics compared.

    Seeds of a side are averaged for each picture before the difference is taken.
    """
    evidence = {"a": Evidence(a.study), "b": Evidence(b.study)}
    shared = [name for name in evidence["a"].metrics if name in evidence["b"].metrics]
    unknown = [name for name in metrics or [] if name not in shared]
    if unknown:
        raise ValueError(f"{unknown[0]!r} was not scored by both; both scored: {', '.join(shared)}")
    metrics = metrics or shared
    scored = [name for name in evidence["a"].protocols if name in evidence["b"].protocols]
    protocols = protocols or [name for name in scored if name in ("luma", "region")] or scored
    by_pair = []
    for name, runs_a, runs_b in pairs:
        rows_a = _seed_mean(evidence["a"], runs_a, metrics, protocols)
        rows_b = _seed_mean(evidence["b"], runs_b, metrics, protocols)
        if len(rows_a) and len(rows_b):
            by_pair.append(paired_differences(rows_b, rows_a, metrics).assign(pair=name))
    differences = pd.concat(by_pair, ignore_index=True) if by_pair else pd.DataFrame()
    if not len(differences):
        return differences, metrics
    by = ["pair", "set", "protocol"]
    by += [
        name
        for name in ("definition", "upsampler", "zoom")
        if differences[name].astype(object).nunique(dropna=False) > 1
    ]
    clips = b.study if b.study.has_clips else a.study  # what is frames to one may be pictures to the other
    return summarise(differences, by, metrics, clips.units_of), metrics


def _seed_mean(evidence: Any, runs: list[RunResults], metrics: list[str], protocols: list[str]) -> pd.DataFrame:
    """Return the rows of the runs' last epochs, averaged over the runs."""
    rows = [evidence.rows(run, protocol=protocols) for run in runs if run.run_id in evidence.last_epoch]
    if len(rows) == 1:
        return rows[0]
    if not rows:
        return pd.DataFrame()
    key = list(PAIR_KEY)
    everything = pd.concat(
        [
            frame[[*key, *metrics]].astype(
                dict.fromkeys(("set", "image", "protocol", "upsampler", "definition"), object)
            )
            for frame in rows
        ]
    )
    return everything.groupby(key, dropna=False, sort=False)[metrics].mean().reset_index()


def effect_text(table: pd.DataFrame, metrics: list[str]) -> str:
    """Return the differences as text; a star stands where the interval excludes zero."""
    few = bool((table["units"] < FEWEST).any())
    if (table["units"] == table["pictures"]).all():
        table = table.drop(columns="units")
    keys = [name for name in table.columns if not any(name in (m, f"low_{m}", f"high_{m}") for m in metrics)]
    heads = [*keys, *(printable(metric_head(name)) for name in metrics)]
    rows = []
    for row in table.to_dict("records"):
        cells = ["–" if row[key] is None or row[key] != row[key] else printable(row[key]) for key in keys]
        for name in metrics:
            low, high = row[f"low_{name}"], row[f"high_{name}"]
            sure = " *" if low > 0 or high < 0 else ""
            cells.append(with_interval(row[name], low, high, name) + sure)
        rows.append(cells)
    widths = [max(len(line[i]) for line in [heads, *rows]) for i in range(len(heads))]
    lines = [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in [heads, *rows]
    ]
    lines.append("* the 95% interval excludes zero")
    if few:
        lines.append(f"Intervals are given from {FEWEST} pictures on; the frames of a clip are one.")
    return "\n".join(lines)
