"""The study across images: every picture's gain, the best and worst regions, a metric laid on the picture."""

from typing import Any

import numpy as np
import pandas as pd

from analysis.aggregate import mean_over_pictures, per_picture
from analysis.evidence import Evidence
from analysis.heatmap import heatmap, scale_note
from analysis.light.address import address
from analysis.page import Column, Figure, PageSection, Prose, Shot, Shots, Table
from analysis.panels import Panel
from analysis.pictures import Album, backdrop, data_uri, inside, shown_part
from analysis.plots import image_plot
from analysis.statistics import PAIR_KEY
from analysis.study import RunResults, distinct_name
from analysis.style import metric_head, number, run_styles
from srcnn.metrics import about
from srcnn.patches import Box

MAPPED_SETS = 3
LONGEST_NAME = 60  # of a table's file
SHOWN_VARIANTS = 6  # marks a picture in the sorted chart


def section(evidence: Evidence) -> PageSection | None:
    """Return what differs from picture to picture and from place to place."""
    if not evidence.scored_runs:
        return None
    blocks: list[Any] = [*_sorted_charts(evidence)]
    gains = gains_of(evidence, evidence.patchwise) if evidence.patchwise in ("region", "compound") else pd.DataFrame()
    if not len(gains):
        blocks.append(Prose("Best and worst regions need the protocol region or compound.", "faint"))
    else:
        run = evidence.best_run
        assert run is not None
        blocks += [
            region_shots(evidence, run, gains.iloc[0], "Where the network gained most"),
            region_shots(evidence, run, gains.iloc[-1], "Where it gained least"),
        ]
    blocks += _heatmaps(evidence)
    return PageSection("images", "Across images", [block for block in blocks if block])


def gains_of(evidence: Evidence, protocol: str) -> pd.DataFrame:
    """Return the best run's gain over interpolation on what a protocol scores, by the leading metric, largest first."""
    run = evidence.best_run
    if run is None:
        return pd.DataFrame()
    metric, key = evidence.leading, [name for name in PAIR_KEY if name not in ("protocol", "definition")]
    where = {"protocol": protocol, "definition": evidence.definition}
    rows = evidence.rows(run, **where)
    base = evidence.baseline_rows(run.degradation_id, **where)
    pairs = rows[[*key, metric]].merge(base[[*key, metric]], on=key, suffixes=("", "_base"))
    sign = 1 if about(metric).higher_is_better else -1
    pairs = pairs[np.isfinite(pairs[metric]) & np.isfinite(pairs[f"{metric}_base"])]
    pairs = pairs.assign(gain=sign * (pairs[metric] - pairs[f"{metric}_base"]))
    return pairs.dropna(subset=["gain"]).sort_values("gain", ascending=False, kind="stable", ignore_index=True)


def region_shots(evidence: Evidence, run: RunResults, row: Any, title: str, note: str = "") -> Shots | Prose:
    """Return one region as original, interpolated, restored and enlarged, with all metrics of each."""
    album, epoch = Album(evidence.study), evidence.last_epoch[run.run_id]
    set_name, image = str(row["set"]), str(row["image"])
    box = Box(*(int(row[side]) for side in ("x", "y", "width", "height")))
    part = shown_part(box)
    steps: list[tuple[str, Any]] = []
    for name, whole in (
        ("original", album.original(run, set_name, image)),
        ("interpolated", album.interpolated(run, set_name, image)),
        ("restored", album.restored(run, epoch, set_name, image)),
    ):
        if whole is not None:
            steps.append((name, part.cut(whole)))
    upsampler, zoom = _best_upsampler(evidence, run)
    if upsampler:
        enlarged = album.enlarged(run, epoch, set_name, image, box, zoom, upsampler)
        if enlarged is not None:
            steps.append((f"upsampled ({upsampler})", inside(part, box).cut(enlarged)))
    numbers = _numbers(evidence, run, set_name, image, box, upsampler, zoom)
    if not steps:
        return Prose(f"{title}: {set_name}/{image} at {box.x}, {box.y}; its pictures are not there.", "faint")
    lead = about(evidence.leading).title
    shots = []
    for name, picture in steps:
        key = name.split(" ")[0]
        lines = [name]
        if key in numbers:
            value = numbers[key].iloc[list(evidence.metrics).index(evidence.leading)]
            lines.append(f"{lead} {number(value, evidence.leading)}")
        shots.append(Shot(data_uri(picture), picture.shape[1], picture.shape[0], lines, f"{name}: {image}"))
    caption = (
        f"{set_name}/{image}, region {box.width}x{box.height} at {box.x}, {box.y}; run {run.label}, epoch {epoch}."
    )
    name = "".join(letter for letter in title.lower().replace(" ", "-") if letter.isalnum() or letter == "-")
    name = name[:LONGEST_NAME]  # the user's own metrics may have any name
    link = address(evidence, run, set_name, image, box)
    return Shots(title, shots, f"{caption} {note}".strip(), _number_table(f"region-{name}", numbers), link)


def _numbers(
    evidence: Evidence, run: RunResults, set_name: str, image: str, box: Box, upsampler: str | None, zoom: int
) -> pd.DataFrame:
    """Return the numbers of one region: a row a metric, a column a step."""
    where: dict[str, Any] = {"definition": evidence.definition, "set": set_name, "image": image}
    where |= {"x": box.x, "y": box.y, "width": box.width, "height": box.height}
    own, base = evidence.rows(run, **where), evidence.baseline_rows(run.degradation_id, **where)
    steps = {
        "interpolated": base[base["protocol"] == "region"],
        "restored": own[own["protocol"] == "region"],
    }
    if upsampler:
        steps["upsampled"] = own[
            (own["protocol"] == "compound") & (own["upsampler"] == upsampler) & (own["zoom"] == zoom)
        ]
    table = pd.DataFrame({"metric": list(evidence.metrics)})
    for name, rows in steps.items():
        if len(rows):
            table[name] = [rows[metric].iloc[0] for metric in evidence.metrics]
    return table


def _number_table(name: str, numbers: pd.DataFrame) -> Table:
    """Return the numbers as text, each with its metric's decimals."""
    shown = numbers.copy()
    heads = [str(column) for column in numbers if column != "metric"]
    for head in heads:
        shown[head] = [number(v, m) for v, m in zip(numbers[head], numbers["metric"], strict=True)]
    shown["metric"] = [metric_head(metric) for metric in numbers["metric"]]
    columns = [Column("metric", "metric"), *(Column(head, head, number=True) for head in heads)]
    return Table(name, "", shown, columns)


def _best_upsampler(evidence: Evidence, run: RunResults) -> tuple[str | None, int]:
    """Return the upsampler of ``compound`` with the best mean for a run, and the smallest zoom."""
    rows = evidence.last[
        (evidence.last["protocol"] == "compound")
        & (evidence.last["run_id"] == run.run_id)
        & (evidence.last["definition"] == evidence.definition)
    ]
    if not len(rows):
        return None, 1
    zoom = int(rows["zoom"].min())
    means = mean_over_pictures(rows[rows["zoom"] == zoom], ["upsampler"], [evidence.leading]).dropna(
        subset=[evidence.leading]
    )
    if not len(means):
        return None, zoom
    ranked = means.sort_values(evidence.leading, ascending=not about(evidence.leading).higher_is_better)
    return str(ranked["upsampler"].iloc[0]), zoom


def image_table(evidence: Evidence, set_name: str) -> pd.DataFrame:
    """Return a row a picture, a column for the baseline and each variant, sorted by the best variant's gain."""
    last, metric = evidence.of_page(evidence.last), evidence.leading
    rows = last[last["set"] == set_name]
    values = per_picture(rows, ["variant"], [metric])
    values[["image", "variant"]] = values[["image", "variant"]].astype(str)
    table = values.pivot_table(index="image", columns="variant", values=metric, observed=True, sort=False)
    best = evidence.best_run.variant if evidence.best_run else table.columns[0]
    variants = [name for name in evidence.study.variants if name in table.columns and name != best]
    shown = [*([best] if best in table.columns else []), *variants]
    baseline = [name for name in evidence.study.baseline_names.values() if name in table.columns]
    sign = 1 if about(metric).higher_is_better else -1
    key = table[shown[0]] - table[baseline[0]] if shown and baseline else table[table.columns[0]]
    return table.loc[(sign * key).sort_values(ascending=False, kind="stable").index, [*baseline, *shown]]


def _sorted_charts(evidence: Evidence) -> list[Any]:
    styles = run_styles(evidence.study.variants, evidence.study.baseline_names.values())
    panels: list[Panel] = []
    sets, frames = [], []
    for set_name in evidence.study.sets:
        table = image_table(evidence, set_name)
        if len(table):
            panels.append(image_plot(table.iloc[:, : SHOWN_VARIANTS + 1], set_name, evidence.leading, styles))
            sets.append(set_name)
            frames.append(table)
    if not panels:
        return []
    frame = pd.concat(frames)
    metric = evidence.leading
    values = [str(name) for name in frame.columns]
    # A run may have the name of one of these two columns.
    heads = {name: distinct_name(name, ("set", "image"), "run") for name in values}
    frame = frame.rename(columns=heads).reset_index()
    frame["set"] = [name for name, table in zip(sets, frames, strict=True) for _ in range(len(table))]
    best = evidence.best_run.label if evidence.best_run else ""
    caption = f"Protocol {evidence.main}, last epoch; sorted by the gain of {best} over bicubic, largest on top."
    columns = [Column("set", "set"), Column("image", "image")]
    columns += [Column(name, heads[name], metric) for name in values[:9]]
    return [
        Figure("images", "Every picture", panels, caption),
        Table("images", f"Every picture in numbers: {metric_head(metric)}", frame, columns),
    ]


def _heatmaps(evidence: Evidence) -> list[Any]:
    """Return heat maps: for a picture of each set, two metrics over its patch grid."""
    run = evidence.best_run
    if run is None or evidence.patchwise not in ("region", "compound"):
        return []
    crop = tuple(run.settings.get("evaluate.crops", [[0, 0]])[0])
    album, epoch = Album(evidence.study), evidence.last_epoch[run.run_id]
    where: dict[str, Any] = {"protocol": evidence.patchwise, "definition": evidence.definition}
    rows = evidence.rows(run, **where)
    rows = rows[(rows["height"] == crop[0]) & (rows["width"] == crop[1])]
    if evidence.patchwise == "compound":
        rows = rows[rows["upsampler"] == _best_upsampler(evidence, run)[0]]
    shots = []
    metrics = _two_metrics(evidence)
    for set_name in list(evidence.study.sets)[:MAPPED_SETS]:
        of_set = rows[rows["set"] == set_name]
        if not len(of_set):
            continue
        finite = of_set[np.isfinite(of_set[evidence.leading])].groupby("image", observed=True)[evidence.leading]
        spread = finite.max() - finite.min()
        image = str(spread.idxmax()) if len(spread) else str(of_set["image"].iloc[0])
        picture = album.original(run, set_name, image)
        if picture is None:
            continue
        patches, below = of_set[of_set["image"] == image], backdrop(picture)
        for metric in metrics:
            cells = [
                (Box(*map(int, sides)), float(value))
                for *sides, value in patches[["x", "y", "width", "height", metric]].to_numpy().tolist()
            ]
            svg = heatmap(below, cells, metric, f"{about(metric).title} over {image}")
            shots.append(Shot(svg, below.width, below.height, [f"{set_name}/{image}", scale_note(metric)], image))
    if not shots:
        return [Prose("Heat maps need the original pictures, which are not there.", "faint")]
    caption = (
        f"Protocol {evidence.patchwise}, run {run.label}, epoch {epoch}: the picture of each set whose patches differ "
        "most. Pixels beyond the grid belong to no patch."
    )
    return [Shots("Metrics laid on the picture", shots, caption)]


def _two_metrics(evidence: Evidence) -> list[str]:
    """Return the leading metric and one of another kind."""
    others = [
        m for m in ("fsim", "ssim", "uiq", "sam", *evidence.metrics) if m in evidence.metrics and m != evidence.leading
    ]
    return [evidence.leading, *others[:1]]
