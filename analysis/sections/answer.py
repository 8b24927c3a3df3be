"""The answer first: which run is best on each set, by how much, and whether enlarging its regions paid."""

from typing import Any

import pandas as pd

from analysis.aggregate import mean_over_pictures, per_picture
from analysis.evidence import Evidence
from analysis.page import Column, PageSection, Prose, Table
from analysis.statistics import FEWEST, better, bootstrap_interval, seed_spread, summarise
from analysis.style import metric_head, number
from srcnn.metrics import about
from srcnn.protocols import PROTOCOLS
from srcnn.words import counted


def section(evidence: Evidence) -> PageSection | None:
    """Return the headline sentences and the tables that they are taken from."""
    if not evidence.scored_runs:
        return None
    ranking = run_table(evidence)
    blocks: list[Any] = [Prose(sentence, "answer") for sentence in _best_sentences(evidence, ranking)]
    blocks += [Prose(sentence, "answer") for sentence in _compound_sentences(evidence)]
    metric = evidence.leading
    columns = [
        Column("set", "set"),
        Column("run", "variant"),
        Column("pictures", "pictures"),
        Column("seeds", "seeds"),
        Column(metric_head(metric), "value", metric, best_in=("set",)),
        Column("bicubic", "bicubic", metric),
        Column("gain over bicubic [95%]", "gain", metric, interval=True),
    ]
    if ranking["seeds"].max() > 1:
        columns.append(Column("± over seeds", "seed_sd", metric))
    clips = "; the frames of a clip count as one there" if evidence.study.has_clips else ""
    caption = (
        f"Protocol {evidence.main} ({PROTOCOLS[evidence.main]}), each run's last scored epoch. Gains are paired over "
        f"the same patches; intervals are 95% bootstrap intervals over pictures, given from {FEWEST} pictures on"
        f"{clips}."
    )
    blocks.append(Table("best", "Runs", ranking, columns, caption))
    compound = compound_table(evidence)
    if len(compound):
        blocks.append(_compound_block(evidence, compound))
    return PageSection("answer", "The answer", blocks)


def run_table(evidence: Evidence) -> pd.DataFrame:
    """Return, for each set and variant: value, bicubic's value, gain with interval, spread over seeds; best first."""
    metric = evidence.leading
    last = evidence.of_page(evidence.last)
    runs, base = last[last["run_id"].notna()], last[last["run_id"].isna()]
    values = mean_over_pictures(runs, ["set", "variant"], [metric]).rename(columns={metric: "value"})
    by_run = mean_over_pictures(runs, ["set", "variant", "label"], [metric])
    seeds = by_run.groupby(["set", "variant"], observed=True)[metric]
    spread = pd.DataFrame({"seeds": seeds.size(), "seed_sd": seeds.agg(lambda v: seed_spread(list(v)))}).reset_index()
    table = values.merge(spread, on=["set", "variant"])
    pairs = runs.drop_duplicates(["variant", "degradation_id"])[["variant", "degradation_id"]]
    bicubic = mean_over_pictures(base, ["set", "degradation_id"], [metric]).rename(columns={metric: "bicubic"})
    bicubic = bicubic.merge(pairs, on="degradation_id").drop_duplicates(["set", "variant"])
    table = table.merge(bicubic[["set", "variant", "bicubic"]], on=["set", "variant"], how="left")
    gains = _gains(evidence)
    names = {metric: "gain", f"low_{metric}": "low_gain", f"high_{metric}": "high_gain"}
    if len(gains):
        gains = gains.rename(columns=names)[["set", "variant", "units", *names.values()]]
        table = table.merge(gains, on=["set", "variant"], how="left")
    else:
        table = table.assign(**dict.fromkeys(("units", *names.values()), float("nan")))
    order = {name: i for i, name in enumerate(evidence.study.sets)}
    table["set"], table["variant"] = table["set"].astype(str), table["variant"].astype(str)
    sign = -1 if about(metric).higher_is_better else 1
    return table.sort_values(
        ["set", "value"], key=lambda c: c.map(order) if c.name == "set" else sign * c, ignore_index=True
    )


def compound_table(evidence: Evidence) -> pd.DataFrame:
    """Return the gain over direct interpolation, for each set, variant, upsampler and zoom.

    Direct interpolation is by the same upsampler and by the best one.
    """
    frame = evidence.differences
    if not len(frame):
        return pd.DataFrame()
    frame = frame[(frame["protocol"] == "compound") & (frame["definition"] == evidence.definition)]
    if not len(frame):
        return pd.DataFrame()
    metric = evidence.leading
    by = ["set", "variant", "upsampler", "zoom"]
    same = summarise(frame[frame["against"] == "same"], by, [metric], evidence.study.units_of)
    best = summarise(frame[frame["against"] == "best"], by, [metric], evidence.study.units_of)
    names = {column: column.replace(metric, "best") for column in (metric, f"low_{metric}", f"high_{metric}")}
    table = same.merge(best.rename(columns=names)[[*by, *names.values()]], on=by, how="left")
    last = evidence.last[
        (evidence.last["protocol"] == "compound") & (evidence.last["definition"] == evidence.definition)
    ]
    values = mean_over_pictures(last[last["run_id"].notna()], by, [metric]).rename(columns={metric: "value"})
    for column in ("set", "variant", "upsampler"):
        values[column] = values[column].astype(str)
        table[column] = table[column].astype(str)
    table = table.merge(values[[*by, "value"]], on=by, how="left")
    table = evidence.in_order(table, by)
    return table.rename(columns={metric: "gain", f"low_{metric}": "low_gain", f"high_{metric}": "high_gain"})


def _compound_block(evidence: Evidence, table: pd.DataFrame) -> Table:
    metric = evidence.leading
    columns = [
        Column("set", "set"),
        Column("run", "variant"),
        Column("upsampler", "upsampler"),
        Column("zoom", "zoom"),
        Column("pictures", "pictures"),
        Column(metric_head(metric), "value", metric, best_in=("set",)),
        Column("against direct, same upsampler", "gain", metric, interval=True),
        Column("against the best direct", "best", metric, interval=True),
    ]
    best = ", ".join(dict.fromkeys(evidence.best_direct.values())) or "none"
    caption = (
        f"Protocol compound: {PROTOCOLS['compound']}. Direct interpolation starts from the same low-resolution "
        f"pixels; the best direct one is {best}."
    )
    return Table("compound-gain", "Enlarging regions of the restored picture", table, columns, caption)


def _gains(evidence: Evidence) -> pd.DataFrame:
    frame = evidence.differences
    if not len(frame):
        return pd.DataFrame()
    against = "best" if evidence.main == "compound" else "same"
    chosen = evidence.of_page(frame[frame["against"] == against])
    return (
        summarise(chosen, ["set", "variant"], [evidence.leading], evidence.study.units_of)
        if len(chosen)
        else pd.DataFrame()
    )


def _best_sentences(evidence: Evidence, ranking: pd.DataFrame) -> list[str]:
    metric = evidence.leading
    facts = about(metric)
    unit = "" if facts.unit == "1" else f" {facts.unit}"
    sentences = []
    for set_name, of_set in ranking.groupby("set", sort=False):
        best = of_set.iloc[0]
        sentence = f"On {set_name}, {best['variant']} is best: {facts.title} {number(best['value'], metric)}{unit}"
        if best["gain"] == best["gain"]:
            direction = "better" if better(metric, best["gain"]) > 0 else "worse"
            sentence += f", {number(abs(best['gain']), metric)}{unit} {direction} than bicubic"
            if best["low_gain"] == best["low_gain"]:
                low, high = (number(best[f"{end}_gain"], metric, signed=True) for end in ("low", "high"))
                sentence += f" (95% interval {low} to {high})"
            else:
                sentence += f" ({_too_few(best)})"
        sentence += _against_second(evidence, str(set_name), of_set)
        sentences.append(sentence + ".")
    return sentences


def _too_few(row: Any) -> str:
    pictures, units = int(row["pictures"]), int(row["units"])
    of_clips = f" of {counted(units, 'source')}, for frames of one clip are one" if units < pictures else ""
    return f"{counted(pictures, 'picture')}{of_clips}, too few for an interval"


def _against_second(evidence: Evidence, set_name: str, of_set: pd.DataFrame) -> str:
    """Return words on the best run and the next, paired over pictures; empty if there is no next."""
    if len(of_set) < 2:
        return ""
    metric, last = evidence.leading, evidence.of_page(evidence.last)
    chosen = last[(last["set"] == set_name) & last["run_id"].notna()]
    values = per_picture(chosen, ["variant"], [metric])
    values["variant"] = values["variant"].astype(str)
    pivot = values.pivot_table(index="image", columns="variant", values=metric, observed=True)
    first, second = of_set["variant"].iloc[:2]
    units = evidence.study.units_of(pivot.index.to_frame().assign(set=set_name))
    interval = bootstrap_interval((pivot[first] - pivot[second]).to_numpy(), units=units)
    ahead = number(abs(interval.mean), metric)
    unit = "" if about(metric).unit == "1" else f" {about(metric).unit}"
    if not interval.known:
        return f"; {second} is {ahead}{unit} behind"
    low, high = (number(value, metric, signed=True) for value in (interval.low, interval.high))
    sure = "" if interval.sign() else ", which may be chance"
    return f"; {second} is {ahead}{unit} behind ({low} to {high}{sure})"


def _compound_sentences(evidence: Evidence) -> list[str]:
    table = compound_table(evidence)
    if not len(table) or evidence.best_run is None:
        return []
    metric = evidence.leading
    facts = about(metric)
    unit = "" if facts.unit == "1" else f" {facts.unit}"
    sentences = []
    of_run = table[table["variant"] == evidence.best_run.variant]
    for (set_name, zoom), rows in of_run.groupby(["set", "zoom"], sort=False):
        gains = rows["gain"].map(lambda gain: better(metric, gain))
        best = rows.sort_values("value", ascending=not facts.higher_is_better).iloc[0]
        against = better(metric, best["best"])
        verdict = "paid" if against > 0 else "did not pay"
        if best["low_best"] <= 0 <= best["high_best"]:
            verdict = "may have paid (chance is not ruled out)" if against > 0 else "did not pay"
        interval = (
            f"95% interval {number(best['low_best'], metric, True)} to {number(best['high_best'], metric, True)}"
            if best["low_best"] == best["low_best"]
            else _too_few(best)
        )
        sentences.append(
            f"Enlarging regions of the SRCNN output {zoom} times {verdict} on {set_name}: {best['upsampler']} on "
            f"{best['variant']} reaches {number(best['value'], metric)}{unit}, {number(abs(against), metric)}{unit} "
            f"{'better' if against > 0 else 'worse'} than the best direct interpolation of the same low-resolution "
            f"pixels ({interval}); {int((gains > 0).sum())} of {len(rows)} upsamplers gained over themselves applied "
            f"directly."
        )
    return sentences
