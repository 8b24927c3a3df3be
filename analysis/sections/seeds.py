"""Differences over seeds: what one setting gains over another when both are trained several times."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.aggregate import per_picture
from analysis.evidence import Evidence
from analysis.page import Column, PageSection, Prose, Table
from analysis.statistics import FEWEST, Interval, better, bootstrap_interval, student_interval
from analysis.study import RunResults
from analysis.style import metric_head, number
from srcnn.metrics import about

FEWEST_SEEDS = 3  # of two, Student's interval is thirteen standard errors wide
MOST_SENTENCES = 12


def section(evidence: Evidence) -> PageSection | None:
    """Return, for pairs of runs that share seeds, the difference with its intervals over seeds and over pictures."""
    table = seed_table(evidence)
    if not len(table):
        return None
    metric = evidence.leading
    columns = [
        Column("set", "set"),
        Column("run", "variant"),
        Column("against", "against"),
        Column("seeds", "seeds"),
        Column(f"{metric_head(metric)}, difference [95% over seeds]", "difference", metric, interval=True),
        Column("pictures", "pictures"),
        Column("the same [95% over pictures]", "over_pictures", metric, interval=True),
        Column("it", "verdict"),
    ]
    caption = (
        f"Protocol {evidence.main}, each run's last scored epoch. Runs whose settings differ in one section of the "
        "study are compared with the first of them, seed by seed. The interval over seeds (Student's) tells what "
        f"other trainings would give on these pictures, that over pictures (bootstrap, from {FEWEST} on) what these "
        "trainings would give on other pictures."
    )
    rows = table.to_dict("records")
    sentences = [Prose(_sentence(row, metric), "answer") for row in rows] if len(rows) <= MOST_SENTENCES else []
    return PageSection(
        "seeds", "Over the seeds", [*sentences, Table("over-seeds", "Differences", table, columns, caption)]
    )


def seed_table(evidence: Evidence) -> pd.DataFrame:
    """Return the difference of each pair of variants on each set, with both intervals; no rows without such pairs."""
    metric, last = evidence.leading, evidence.of_page(evidence.last)
    pairs, rows = _pairs(evidence), []
    values = per_picture(last[last["run_id"].notna()], ["label"], [metric]) if pairs else pd.DataFrame()
    for name in evidence.study.sets if pairs else ():
        of_set = values[values["set"] == name]
        by_run = of_set.pivot_table(index="image", columns="label", values=metric, observed=True)
        for first, other in pairs:
            difference = _by_seed(by_run, first, other)
            seeds, pictures = difference.shape[1], difference.shape[0]
            if seeds < FEWEST_SEEDS or not pictures:
                continue
            over_seeds = student_interval(difference.mean().to_numpy())
            units = evidence.study.units_of(difference.index.to_frame().assign(set=name))
            over_pictures = bootstrap_interval(difference.mean(axis=1).to_numpy(), units=units)
            row = {"set": name, "variant": other[0].variant, "against": first[0].variant, "seeds": seeds}
            row |= _columns("difference", over_seeds) | _columns("over_pictures", over_pictures)
            rows.append(row | {"pictures": pictures, "verdict": _verdict(over_seeds, over_pictures)})
    return pd.DataFrame(rows)


def _pairs(evidence: Evidence) -> list[tuple[list[RunResults], list[RunResults]]]:
    """Return the runs of each variant after those of the first that differs from it in one section only."""
    groups = [runs for runs in evidence.study.variants.values() if len(runs) >= FEWEST_SEEDS]
    known = [_by_section(runs[0].settings) for runs in groups]
    pairs = []
    for place, other in enumerate(groups):
        first = next((n for n in range(place) if _apart(known[n], known[place]) == 1), None)
        if first is not None:
            pairs.append((groups[first], other))
    return pairs


def _by_section(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings of each section as text, the seed left out."""
    sections: dict[str, list[Any]] = {}
    for key, value in settings.items():
        if key != "seed":
            sections.setdefault(key.partition(".")[0], []).append((key, value))
    return {name: repr(values) for name, values in sections.items()}


def _apart(one: Mapping[str, str], other: Mapping[str, str]) -> int:
    return sum(one.get(name) != other.get(name) for name in {*one, *other})


def _by_seed(by_run: pd.DataFrame, first: list[RunResults], other: list[RunResults]) -> pd.DataFrame:
    """Return the differences of the pictures (rows) for the seeds (columns) of which both variants are scored."""
    labels = [{run.settings.get("seed"): run.label for run in runs if run.label in by_run} for runs in (first, other)]
    shared = [seed for seed in labels[0] if seed in labels[1]]
    return pd.DataFrame({seed: by_run[labels[1][seed]] - by_run[labels[0][seed]] for seed in shared}).dropna()


def _columns(name: str, interval: Interval) -> dict[str, float]:
    return {name: interval.mean, f"low_{name}": interval.low, f"high_{name}": interval.high}


def _verdict(over_seeds: Interval, over_pictures: Interval) -> str:
    """Return whether a difference holds, in words."""
    if not over_seeds.sign():
        return "may be chance" if not over_pictures.sign() else "may be chance in these trainings"
    if not over_pictures.known:
        return "holds for other trainings"
    return "holds" if over_pictures.sign() else "holds for other trainings, may be chance in these pictures"


def _sentence(row: Mapping[Any, Any], metric: str) -> str:
    facts = about(metric)
    unit = "" if facts.unit == "1" else f" {facts.unit}"
    direction = "better" if better(metric, row["difference"]) > 0 else "worse"
    intervals = [
        f"over {what} {number(row[f'low_{name}'], metric, True)} to {number(row[f'high_{name}'], metric, True)}"
        for what, name in (("seeds", "difference"), ("pictures", "over_pictures"))
        if row[f"low_{name}"] == row[f"low_{name}"]
    ]
    return (
        f"On {row['set']}, over {row['seeds']} seeds, {row['variant']} is "
        f"{number(abs(row['difference']), metric)}{unit} {direction} than {row['against']} "
        f"(95% intervals: {', '.join(intervals)}): the difference {row['verdict']}."
    )
