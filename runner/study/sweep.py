"""From one study to its runs: a grid, keys varied together, and named cases, over dotted keys."""

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator

from srcnn.section import Section

Values = Annotated[tuple[Any, ...], Field(min_length=1)]
MOST_RUNS = 100_000
# What a run is made of; everything else is a list already, or changes no result.
SWEPT = ("data", "model", "training", "seed")
LISTED, ONCE = ("render", "evaluate"), ("name", "keep", "cluster", "sweep")
NO_RUN = f"it makes no new run (a sweep varies {', '.join(SWEPT)})"


class SweepConfig(Section):
    """Every combination of a point of ``grid``, a row of ``zip`` and a case of ``cases``."""

    grid: dict[str, Values] = Field({}, description="lists of values by dotted key: every combination is a run")
    zip: dict[str, Values] = Field({}, description="lists of one length by dotted key, varied together")
    cases: dict[str, dict[str, Any]] = Field({}, description="settings by dotted key, under a name for each case")

    @model_validator(mode="after")
    def _keys_and_lengths(self) -> "SweepConfig":
        lengths = {key: len(values) for key, values in self.zip.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"zip needs lists of one length, not {lengths}")
        keys = [*self.grid, *self.zip, *{key for case in self.cases.values() for key in case}]
        for key in keys:
            if keys.count(key) > 1:
                raise ValueError(f"{key} is varied twice; keep it in one of grid, zip and cases")
            section = key.split(".")[0]
            if section in LISTED or key in ("data.test", "data.eval"):
                raise ValueError(f"{key} cannot be swept: {NO_RUN}; list all its values in the section itself")
            if section in ONCE or key == "data.allow_leak":
                raise ValueError(f"{key} cannot be swept: {NO_RUN}; say it once for the whole study")
        if self.count > MOST_RUNS:
            raise ValueError(
                f"would be {self.count:,} runs; a study has at most {MOST_RUNS:,}: vary fewer keys at once"
            )
        return self

    @property
    def count(self) -> int:
        """How many points there are."""
        rows = len(next(iter(self.zip.values()), ((),)))
        return math.prod([max(1, len(self.cases)), rows, *map(len, self.grid.values())])

    def points(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Give label and overrides of every run; one unlabelled point without overrides if nothing varies."""
        grid = [[(key, value) for value in values] for key, values in self.grid.items()]
        rows = zip(*([(key, value) for value in values] for key, values in self.zip.items()), strict=True)
        zipped = list(rows) or [()]
        cases: list[tuple[str, Mapping[str, Any]]] = list(self.cases.items()) or [("", {})]
        for (name, case), row, point in itertools.product(cases, zipped, itertools.product(*grid)):
            varied = dict([*row, *point])
            label = " ".join(filter(None, [name, *(f"{_short(key)}={_text(v)}" for key, v in varied.items())]))
            yield label, {**case, **varied}

    def without(self, key: str) -> dict[str, Any]:
        """Return the sweep as a mapping that no longer varies ``key``."""
        dump = self.model_dump(mode="json")
        dump["grid"].pop(key, None)
        dump["zip"].pop(key, None)
        dump["cases"] = {name: {k: v for k, v in case.items() if k != key} for name, case in dump["cases"].items()}
        return dump


def _short(key: str) -> str:
    return key.rsplit(".", 1)[-1]


def _text(value: Any) -> str:
    if isinstance(value, Mapping) and isinstance(value.get("name"), str):  # what has settings of its own: a loss
        return " ".join([value["name"], *(f"{key}={_text(own)}" for key, own in value.items() if key != "name")])
    return str(value).lower() if isinstance(value, bool) else str(value)
