"""The light table as JSON: what pictures, methods and scores there are, and what of them the page holds."""

import json
import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from analysis.aggregate import per_picture
from analysis.evidence import Evidence
from analysis.light.methods import DIRECT, RUN, Method, Picture, Table, methods_of
from analysis.light.scores import Grid, grids_of, sheets
from analysis.light.sources import held, restore_first, write_sources
from analysis.pictures import data_config, listed
from analysis.style import digits
from srcnn.metrics import about
from srcnn.words import printable

SCORES_MB = 5  # that a page holds at most
MEGABYTE = 1_000_000


def light_table(
    studies: Sequence[Evidence],
    page: Path,
    names: Sequence[str] = ("",),
    runs: Sequence[Collection[str]] | None = None,
    write: bool = True,
) -> str | None:
    """Return the light table of one study or two for a page, as JSON; None if they have no picture in common.

    ``page`` is where the page will be: files are named from there. It holds as much of pictures as the first of
    ``studies`` says. ``names`` tell two studies apart; ``runs`` are the
    ids of those that are shown, all without it. With ``write``, originals and low-resolution pictures are written
    beside each study's report, where they are not there yet; without it the page alone holds them.
    """
    pictures = common_pictures(studies)
    if not pictures:
        return None
    methods: list[Method] = []
    for i, evidence in enumerate(studies):
        prefix, beside = (f"{'ab'[i]}.", f", {names[i]}") if len(studies) > 1 else ("", "")
        own = methods_of(evidence, i, prefix, beside)
        methods += [method for method in own if _is_wanted(method, methods, runs)]
    table = Table(tuple(studies), tuple(pictures), tuple(methods))
    if len(studies) == 1 and runs is not None:
        best = [method for method in methods if method.kind == RUN][:2]
    else:
        best = [method for i, evidence in enumerate(studies) for method in _best(methods, i, evidence)]
    order = telling_order(studies[0], pictures)
    if write:
        write_sources(table, order)
        restore_first(table, order, best)
    inside = held(table, order, best, int(studies[0].pictures_mb * MEGABYTE))
    grids = [grids_of(evidence, pictures) for evidence in studies]
    value = {
        "budget": {"pictures": studies[0].pictures_mb, "scores": SCORES_MB, "held": sum(map(len, inside.values()))},
        "bases": [_between(page.parent, evidence.study.folder) for evidence in studies],
        "pictures": [_picture(picture) for picture in pictures],
        "methods": [_method(table, method) for method in methods],
        "best": [method.key for method in best],
        "metrics": _metrics(studies),
        "own": [list(evidence.metrics) for evidence in studies],
        "leading": studies[0].leading,
        "definition": studies[0].definition,
        "grids": [[_grid(grid) for grid in of_study] for of_study in grids],
        "sheets": sheets(table, grids, best, SCORES_MB * MEGABYTE),
        "held": {f"{p.method.key}|{p.epoch}|{p.view}|{p.picture}": data for p, data in inside.items()},
    }
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def common_pictures(studies: Sequence[Evidence]) -> list[Picture]:
    """Return the pictures that all studies have: those of one set, name and content; with the first one's size."""
    found = []
    first, *others = studies
    for set_name in first.study.sets:
        known = [listed(other.study, set_name) if set_name in other.study.sets else {} for other in others]
        config = next(filter(None, (data_config(first.study, run) for run in first.study.runs)), None)
        multiple = config.multiple if config else 1
        for name, picture in listed(first.study, set_name).items():
            if all(name in of_other and of_other[name]["digest"] == picture["digest"] for of_other in known):
                width, height = (picture[side] // multiple * multiple for side in ("width", "height"))
                found.append(Picture(set_name, name, width, height))
    return found


def telling_order(evidence: Evidence, pictures: Sequence[Picture]) -> list[int]:
    """Return the places of pictures by what they tell: the largest gain of the best run, the smallest, and so on."""
    gains = _gains(evidence, pictures)
    ranked = sorted(range(len(pictures)), key=lambda i: (-gains[i] if gains[i] == gains[i] else 0.0, i))
    return [ranked.pop(0 if i % 2 == 0 else -1) for i in range(len(pictures))]


def _gains(evidence: Evidence, pictures: Sequence[Picture]) -> list[float]:
    last, metric = evidence.of_page(evidence.last), evidence.leading
    run = evidence.best_run
    rows = last[last["degradation_id"] == run.degradation_id] if run else last[:0]
    values = []
    for chosen in (rows[rows["run_id"] == run.run_id], rows[rows["method"] == "bicubic"]) if run else ():
        means = per_picture(chosen, ["variant"], [metric])
        values.append(dict(zip(zip(means["set"], means["image"], strict=True), means[metric], strict=True)))
    if len(values) < 2:
        return [float("nan")] * len(pictures)
    sign = 1 if about(metric).higher_is_better else -1
    pairs = [[of_one.get((p.set, p.name), np.nan) for of_one in values] for p in pictures]
    return [float(sign * (own - base)) for own, base in pairs]


def _is_wanted(method: Method, before: Sequence[Method], runs: Sequence[Collection[str]] | None) -> bool:
    """Say whether a method is shown: a run that is meant, or an input that no other study has just so."""
    if method.kind == RUN:
        return runs is None or method.run_of.run_id in runs[method.study]
    key = (method.kind, method.run_of.degradation_id)
    if method.kind == DIRECT:  # what is scored of it may differ from study to study
        return True
    return key not in {(other.kind, other.run_of.degradation_id) for other in before if other.study != method.study}


def _best(methods: Sequence[Method], study: int, evidence: Evidence) -> list[Method]:
    """Return the method of a study's best run, or of its first one that is shown; none if it shows none."""
    run = evidence.best_run
    own = [method for method in methods if method.kind == RUN and method.study == study]
    return [method for method in own if run is not None and method.run_of.run_id == run.run_id] or own[:1]


def _between(page: Path, study: Path) -> str:
    between = os.path.relpath(study.resolve(), page.resolve())
    return quote(os.fsencode(Path(between).as_posix())) + "/"


def _picture(picture: Picture) -> dict[str, Any]:
    file = quote(os.fsencode(picture.name))
    size = {"width": picture.width, "height": picture.height}
    return {"set": picture.set, "name": printable(picture.name), "file": file, **size}


def _method(table: Table, method: Method) -> dict[str, Any]:
    """Return a method; ``files`` says of which pictures there are any, at each epoch: all (1), or a list of places."""
    files = {}
    for epoch in method.epochs or (0,):
        for view in [f"zoom_{zoom}" for zoom in method.zooms] + (["full"] if method.kind != "direct" else []):
            there = table.present(method, epoch, view)
            files[f"{epoch}|{view}"] = 1 if len(there) == len(table.pictures) else there
    bases = {name: table.base(method, name) for name in {picture.set: 0 for picture in table.pictures}}
    value: dict[str, Any] = {"key": method.key, "name": printable(method.name), "kind": method.kind}
    value |= {"study": method.study, "scale": method.scale, "bases": bases, "files": files}
    value |= {"epochs": list(method.epochs), "zooms": list(method.zooms)}
    evidence = table.studies[method.study]
    config = data_config(evidence.study, method.run_of)
    value["multiple"] = config.multiple if config else 1
    value["upsamplers"] = list(method.run_of.settings.get("evaluate.upsamplers", ())) if method.zooms else []
    value["last"] = evidence.last_epoch.get(method.run_of.run_id, method.epochs[-1] if method.epochs else 0)
    return value


def _metrics(studies: Sequence[Evidence]) -> list[dict[str, Any]]:
    names = dict.fromkeys(name for evidence in studies for name in evidence.metrics)
    return [
        {
            "name": name,
            "title": printable(about(name).title),
            "unit": "" if about(name).unit == "1" else printable(about(name).unit),
            "up": about(name).higher_is_better,
            "digits": digits(name),
        }
        for name in names
    ]


def _grid(grid: Grid) -> dict[str, Any]:
    boxes = [own.ravel().tolist() for own in grid.boxes]
    return {"protocol": grid.protocol, "zoom": grid.zoom, "boxes": boxes, "of": grid.of_picture}
