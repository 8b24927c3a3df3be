"""The scores of patches for a light table: packed as whole numbers, as far as a budget goes.

Scores come in sheets: one method at one epoch, by one protocol and upsampler, of all pictures. A sheet's values are
rounded as the report prints them and stand as 16 bits each, metric by metric, picture by picture, box by box.
"""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from analysis.evidence import Evidence
from analysis.light.methods import BICUBIC, DIRECT, RUN, Method, Picture, Table
from analysis.scores import load, scan
from analysis.style import digits

MISSING, INFINITE, NEGATIVE = 65535, 65534, 65533  # what no number stands for: no value, infinity, minus infinity
LARGEST = 65532
PLAIN = ["luma", "region"]
PROTOCOLS = (*PLAIN, "compound")  # whose boxes lie in the restored picture
SIDES = ["x", "y", "width", "height"]
TOLD_BY = ("run_id", "method", "protocol", "upsampler")
LETTERS = 8 / 3  # of base64 for each value


@dataclass(frozen=True)
class Sheet:
    """What a sheet holds: a method at an epoch (0 where it has none), a protocol, an upsampler and its zoom."""

    method: Method
    epoch: int
    protocol: str
    upsampler: str = ""
    zoom: int = 1

    @property
    def key(self) -> str:
        """The name of the sheet in the page."""
        return "|".join((self.method.key, str(self.epoch), self.protocol, self.upsampler, str(self.zoom)))


@dataclass(frozen=True)
class Grid:
    """The boxes of a protocol at a zoom: those of each picture, which many share, as (n, 4) of x, y, width, height."""

    protocol: str
    zoom: int
    boxes: list[NDArray[np.int64]]
    of_picture: list[int]
    _orders: dict[bytes, NDArray[np.int64]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """A row (5) for each value of a sheet: the picture's place on the table, and the box."""
        known = [(i, place) for i, place in enumerate(self.of_picture) if place >= 0]
        rows = [np.column_stack([np.full(len(self.boxes[place]), i), self.boxes[place]]) for i, place in known]
        return np.concatenate(rows) if rows else np.empty((0, 5), np.int64)

    def order(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where each place of a sheet stands first among others (n, 5), -1 where it does not.

        The sheets of a run have their rows in one order, which is looked up once.
        """
        key = places.tobytes()
        if key not in self._orders:
            first: dict[bytes, int] = {}
            for number, place in enumerate(places):
                first.setdefault(place.tobytes(), number)
            self._orders[key] = np.array([first.get(place.tobytes(), -1) for place in self.places], np.int64)
        return self._orders[key]


@dataclass(frozen=True)
class Rows:
    """Score rows: what tells sheets apart, by column; their places (n, 5) as in ``Grid``; their values (n, metrics)."""

    told_by: dict[str, NDArray[Any]]
    places: NDArray[np.int64]
    values: NDArray[np.float64]


def grids_of(evidence: Evidence, pictures: Sequence[Picture]) -> list[Grid]:
    """Return the grids in which a study's pictures were scored, as far as they are of the table's pictures."""
    run = next(iter(evidence.scored_runs), None)
    grids = []
    for protocol in (name for name in PROTOCOLS if name in evidence.protocols):
        where: dict[str, Any] = {"protocol": protocol, "definition": evidence.definition}
        columns = ["set", "image", "zoom", *SIDES, "run_id"]
        frame = load(evidence.study, columns, run=run.run_id if run else [], epoch=_last(evidence, run), **where)
        for zoom in sorted(int(zoom) for zoom in frame["zoom"].unique()):
            of_zoom = frame[frame["zoom"] == zoom]
            boxes: dict[bytes, int] = {}
            unique: list[NDArray[np.int64]] = []
            places = {}
            for key, rows in of_zoom.groupby(["set", "image"], observed=True, sort=False):
                own = rows[SIDES].drop_duplicates().sort_values(["height", "width", "x", "y"]).to_numpy(np.int64)
                if own.tobytes() not in boxes:
                    boxes[own.tobytes()] = len(unique)
                    unique.append(own)
                places[key] = boxes[own.tobytes()]
            grids.append(Grid(protocol, zoom, unique, [places.get((p.set, p.name), -1) for p in pictures]))
    return grids


def _last(evidence: Evidence, run: Any) -> list[int]:
    return [evidence.last_epoch[run.run_id]] if run else []


def sheets(table: Table, grids: Sequence[Sequence[Grid]], best: Sequence[Method], most: int) -> dict[str, Any]:
    """Return the sheets by key, those first that tell most, as far as ``most`` letters go; ``grids`` are each study's.

    A sheet holds for each metric of its study the least value, the step, and whether it has any value; and the packed
    numbers.
    """
    chosen: dict[str, Any] = {}
    held: dict[Any, Rows | None] = {}
    for sheet in wanted(table, best):
        study = sheet.method.study
        grid = next((g for g in grids[study] if (g.protocol, g.zoom) == (sheet.protocol, sheet.zoom)), None)
        if grid is None:
            continue
        evidence = table.studies[study]
        size = len(grid.places)
        letters = int(size * len(evidence.metrics) * LETTERS) + 200
        if letters > most or not size:
            continue
        rows = _rows(evidence, sheet, table.pictures, held)
        if rows is not None and (own := _of_sheet(rows, sheet)).any():
            order, values = grid.order(rows.places[own]), rows.values[own]
            placed = np.where(order[:, None] >= 0, values[order], np.nan)
            chosen[sheet.key] = packed(placed.T, evidence.metrics)
            most -= letters
    return chosen


def wanted(table: Table, best: Sequence[Method]) -> Iterator[Sheet]:
    """Give the sheets that a table could show, those first that tell most."""
    settings = [_upsampled(evidence) for evidence in table.studies]
    runs = [*best, *(method for method in table.methods if method.kind == RUN and method not in best)]
    baselines = [method for method in table.methods if method.kind == BICUBIC]

    def plain(method: Method, epoch: int) -> Iterator[Sheet]:
        yield from (Sheet(method, epoch, protocol) for protocol in PLAIN)

    def enlarged(method: Method, epoch: int) -> Iterator[Sheet]:
        for upsampler in settings[method.study] if method.zooms else ():
            yield from (Sheet(method, epoch, "compound", upsampler, zoom) for zoom in method.zooms)

    lasts = [(method, table.studies[method.study].last_epoch.get(method.run_of.run_id)) for method in runs]
    for method in baselines:
        yield from plain(method, 0)
    for method, last in lasts:
        yield from plain(method, last) if last is not None else ()
    for method in (method for method in table.methods if method.kind == DIRECT):
        yield from enlarged(method, 0)
    for method, last in lasts:
        yield from enlarged(method, last) if last is not None else ()
    for method, last in lasts:
        for epoch in reversed(method.epochs):
            yield from plain(method, epoch) if epoch != last else ()
    for method, last in lasts:
        for epoch in reversed(method.epochs):
            yield from enlarged(method, epoch) if epoch != last else ()


def _upsampled(evidence: Evidence) -> list[str]:
    names = evidence.pictures.loc[evidence.pictures["protocol"] == "compound", "upsampler"].dropna().unique()
    return [str(name) for name in names]


def _rows(evidence: Evidence, sheet: Sheet, pictures: Sequence[Picture], held: dict[Any, Rows | None]) -> Rows | None:
    """Return the rows that a sheet is among, None if there are none.

    What was read last is held, for the next sheets are of it, too.
    """
    run = sheet.method.run_of
    protocols = PLAIN if sheet.protocol in PLAIN else [sheet.protocol]
    of_run = sheet.method.kind == RUN
    key = (sheet.method.study, of_run and run.run_id, sheet.epoch, protocols[0], run.degradation_id)
    if key not in held:
        columns = [*TOLD_BY, "zoom", "set", "image", *SIDES, *evidence.metrics]
        where: dict[str, Any] = {"protocol": protocols, "definition": evidence.definition}
        where |= {"run": run.run_id, "epoch": sheet.epoch} if of_run else {"run": []}
        shards = list(scan(evidence.study, columns, baselines=not of_run, **where))
        held.clear()
        held[key] = _as_rows(pa.concat_tables(shards), evidence.metrics, pictures) if shards else None
    return held[key]


def _as_rows(table: pa.Table, metrics: Sequence[str], pictures: Sequence[Picture]) -> Rows:
    told_by = {name: table[name].cast(pa.string()).to_numpy() for name in (*TOLD_BY, "degradation_id")}
    numbers = {(picture.set, picture.name): number for number, picture in enumerate(pictures)}
    shown = zip(table["set"].to_pylist(), table["image"].to_pylist(), strict=True)
    places = [np.array([numbers.get(name, -1) for name in shown], np.int64)]
    places += [table[side].to_numpy().astype(np.int64) for side in SIDES]
    values = [table[name].to_numpy().astype(float) for name in metrics]
    return Rows(told_by | {"zoom": table["zoom"].to_numpy()}, np.stack(places, axis=1), np.stack(values, axis=1))


def _of_sheet(rows: Rows, sheet: Sheet) -> NDArray[np.bool_]:
    """Return which rows (n) are a sheet's."""
    told_by, run = rows.told_by, sheet.method.run_of
    own = told_by["protocol"] == sheet.protocol
    if sheet.method.kind == RUN:
        own &= told_by["run_id"] == run.run_id
    else:
        own &= (told_by["method"] == sheet.method.kind) & (told_by["degradation_id"] == run.degradation_id)
    if sheet.upsampler:
        own &= (told_by["upsampler"] == sheet.upsampler) & (told_by["zoom"] == sheet.zoom)
    return np.asarray(own, bool)


def packed(values: NDArray[np.float64], metrics: Sequence[str]) -> dict[str, Any]:
    """Return values (metrics, n) as ``data``, base64 of 16 bits each, little endian, metric by metric.

    A value is ``low`` plus its number times ``step``, one of each for a metric; MISSING, INFINITE and NEGATIVE are no
    numbers. Values of a step that the report does not print are rounded to it.
    """
    lows, steps, numbers = [], [], []
    for name, own in zip(metrics, values, strict=True):
        finite = own[np.isfinite(own)]
        low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
        printed = 10.0 ** -digits(name)
        step = max(printed, (high - low) / LARGEST)
        if max(abs(low), abs(high)) < 100 * printed:  # of which the report prints one digit
            step = (high - low) / LARGEST or 1.0
        else:
            low = float(np.floor(low / printed) * printed)
        codes = np.full(len(own), MISSING, "<u2")
        codes[np.isfinite(own)] = np.clip(np.rint((finite - low) / step), 0, LARGEST)
        codes[own == np.inf], codes[own == -np.inf] = INFINITE, NEGATIVE
        lows.append(low)
        steps.append(step)
        numbers.append(codes)
    data = base64.b64encode(np.concatenate(numbers).tobytes()).decode() if numbers else ""
    return {"low": lows, "step": steps, "data": data}
