"""The answer first: which run is best on each set, by how much, and whether enlarging its regions paid."""

from typing import Any

import pandas as pd

from analysis.aggregate import mean_over_pictures, per_picture
from analysis.evidence import Evidence
from analysis.page import Beside, Column, Figure, Folded, PageSection, Prose, Shot, Table, Wipe
from analysis.pictures import Album, data_uri, most_mended, widened
from analysis.sections.images import gains_of
from analysis.sections.networks import time_panels
from analysis.statistics import FEWEST, better, bootstrap_interval, seed_spread, summarise
from analysis.style import metric_head, number
from srcnn.metrics import about
from srcnn.patches import Box
from srcnn.protocols import PROTOCOLS
from srcnn.words import counted


def section(evidence: Evidence) -> PageSection | None:
    """Return the headline sentences and the tables that they are taken from."""
    if not evidence.scored_runs:
        return None
    ranking, compound = run_table(evidence), compound_table(evidence)
    sentences = [*_best_sentences(evidence, ranking), *_compound_sentences(evidence, compound)]
    first = [text for name, text in sentences if name == evidence.headline][:2]
    first = first or [text for _, text in sentences][:2]
    others = [Prose(text) for _, text in sentences if text not in first]
    blocks: list[Any] = [Prose(text, "answer") for text in first]
    blocks += [Folded("The same of the other sets", others)] if others else []
    metric = evidence.leading
    shown = [*_wipe(evidence), *_against_time(evidence)]
    blocks += [Beside(shown)] if shown else []
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


def _wipe(evidence: Evidence) -> list[Wipe]:
    """Return the region, or the picture, on which the best run gained most, interpolated and restored.

    A region is shown with what lies round it, of a picture the part in which its errors fell most.
    """
    protocol = next((name for name in ("region", "compound", "luma") if name in evidence.protocols), None)
    gains = gains_of(evidence, protocol) if protocol else pd.DataFrame()
    run, metric = evidence.best_run, evidence.leading
    if not len(gains) or run is None:
        return []
    row, album, epoch = gains.iloc[0], Album(evidence.study), evidence.last_epoch[run.run_id]
    set_name, image = str(row["set"]), str(row["image"])
    before, after = album.interpolated(run, set_name, image), album.restored(run, epoch, set_name, image)
    if before is None or after is None or before.shape != after.shape:
        return []
    box = Box(*(int(row[side]) for side in ("x", "y", "width", "height")))
    original = album.original(run, set_name, image) if protocol == "luma" else None
    if original is not None and original.shape == after.shape:
        part = most_mended(original, before, after)
        of, where = "of the whole picture", f"the part {part.width}x{part.height} at {part.x}, {part.y}"
    else:
        part = widened(box, after.shape[1], after.shape[0])
        of, where = "of the region", f"round the region {box.width}x{box.height} at {box.x}, {box.y}"
    left, right = (
        Shot(data_uri(part.cut(picture)), part.width, part.height, [name], f"{name}: {image}")
        for name, picture in ((evidence.study.baseline_names["bicubic"], before), (run.label, after))
    )
    unit = "" if about(metric).unit == "1" else f" {about(metric).unit}"
    values = [number(row[key], metric) for key in (f"{metric}_base", metric)]
    change = f"{about(metric).title} {of} went from {values[0]} to {values[1]}{unit}"
    caption = f"{set_name}/{image}, {where}; {change}."
    return [Wipe("Where the best run gained most", left, right, caption)]


def _against_time(evidence: Evidence) -> list[Figure]:
    panel = time_panels(evidence).get(evidence.headline)
    title = f"{about(evidence.leading).title} against training time"
    caption = "Over the scored epochs, mean over seeds and pictures."
    return [Figure("training-time", title, [panel], caption)] if panel else []


def _best_sentences(evidence: Evidence, ranking: pd.DataFrame) -> list[tuple[str, str]]:
    """Return, for each set, its name and a sentence on its best run."""
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
        sentences.append((str(set_name), sentence + "."))
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


def _compound_sentences(evidence: Evidence, table: pd.DataFrame) -> list[tuple[str, str]]:
    """Return, for each set and zoom, the set's name and a sentence on whether enlarging its regions paid."""
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
        text = (
            f"Enlarging regions of the restored picture {zoom} times {verdict} on {set_name}: {best['upsampler']} on "
            f"{best['variant']} reaches {number(best['value'], metric)}{unit}, {number(abs(against), metric)}{unit} "
            f"{'better' if against > 0 else 'worse'} than the best direct interpolation of the same low-resolution "
            f"pixels ({interval}); {int((gains > 0).sum())} of {len(rows)} upsamplers gained over themselves applied "
            f"directly."
        )
        sentences.append((str(set_name), text))
    return sentences
