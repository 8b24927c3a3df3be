"""The tables that the report's sections are made from, each read or computed once, when first asked for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from analysis.aggregate import by_picture, last_epochs, mean_over_pictures, scanned_columns
from analysis.progress import progress
from analysis.scores import load, load_histories, scan
from analysis.statistics import paired_differences
from analysis.study import RunResults, StudyResults, with_names
from srcnn.metrics import METRICS, QUICK_METRICS, about
from srcnn.protocols import PROTOCOLS
from srcnn.upsample import UPSAMPLERS

PICTURES_MB = 15.0  # that a page holds at most
SAMPLE_ROWS = 200_000  # of the patches that rank correlations are computed from


@dataclass(frozen=True)
class Evidence:
    """A study, and the tables of what was scored in it; ``pictures_mb`` is what a page of it holds of pictures."""

    study: StudyResults
    pictures_mb: float = PICTURES_MB
    _held: dict[str, tuple[str, pd.DataFrame]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that the study asked for: those of METRICS in its order, then the user's own."""
        runs = self.study.runs
        asked = dict.fromkeys(name for run in runs for name in run.settings.get("evaluate.metrics", QUICK_METRICS))
        return (*(name for name in METRICS if name in asked), *(name for name in asked if name not in METRICS))

    @cached_property
    def pictures(self) -> pd.DataFrame:
        """``by_picture`` of everything that was scored, with the names that people see."""
        return with_names(by_picture(scan(self.study, scanned_columns(self.metrics)), self.metrics), self.study)

    @cached_property
    def last(self) -> pd.DataFrame:
        """The rows of ``pictures`` of each run's last scored epoch, and of the baselines."""
        return last_epochs(self.pictures)

    @cached_property
    def last_epoch(self) -> dict[str, int]:
        """The last scored epoch of each run, by run_id."""
        last = self.last[self.last["run_id"].notna()].groupby("run_id", observed=True)["epoch"].max()
        return {str(run_id): int(epoch) for run_id, epoch in last.items()}

    @cached_property
    def scored_runs(self) -> list[RunResults]:
        """The runs with at least one scored epoch."""
        return [run for run in self.study.runs if run.run_id in self.last_epoch]

    @cached_property
    def protocols(self) -> list[str]:
        """The protocols that were scored."""
        there = set(self.pictures["protocol"].unique())
        return [name for name in PROTOCOLS if name in there]

    @cached_property
    def definitions(self) -> list[str]:
        """The definitions that were scored, ``paper`` first."""
        return sorted(self.pictures["definition"].unique(), key=lambda name: name != "paper")

    @property
    def definition(self) -> str:
        """The definition that the page shows unless it says otherwise."""
        return self.definitions[0]

    @cached_property
    def main(self) -> str:
        """The protocol that decides which run is best: the literature's if there is one."""
        return next(name for name in ("luma", "region", "compound", "whole") if name in self.protocols)

    @property
    def patchwise(self) -> str:
        """The protocol of the sections that look into pictures."""
        return next((name for name in ("region", "compound", "whole") if name in self.protocols), self.main)

    @cached_property
    def leading(self) -> str:
        """The metric that decides which run is best: the first that has values."""
        frame = self.pictures
        return next((name for name in self.metrics if frame[name].notna().any()), self.metrics[0])

    @cached_property
    def telling(self) -> dict[str, list[str]]:
        """The metrics that tell comparisons of a protocol apart: not all can (the SAM of one band is 0)."""
        grouped = self.pictures.groupby("protocol", observed=True)[list(self.metrics)]
        alike, alone = grouped.max() <= grouped.min(), grouped.size() == 1
        return {
            str(protocol): [name for name in self.metrics if alone[protocol] or not alike.at[protocol, name]]
            for protocol in alike.index
        }

    def of_page(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of a frame that are of the page's protocol (``main``) and definition."""
        return frame[(frame["protocol"] == self.main) & (frame["definition"] == self.definition)]

    def in_order(self, table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
        """Return the rows in the study's order of sets and runs, baselines first, and the order of UPSAMPLERS."""
        orders = {"set": list(self.study.sets), "variant": [*self.study.baseline_names.values(), *self.study.variants]}
        orders |= {"upsampler": list(UPSAMPLERS), "definition": self.definitions}

        def place(column: pd.Series) -> pd.Series:
            places = {name: float(i) for i, name in enumerate(orders.get(str(column.name), ()))}
            return column.astype(object).map(places).astype(float) if places else column

        return table.sort_values(list(by), key=place, kind="stable", ignore_index=True)

    def rows(self, run: RunResults, **where: Any) -> pd.DataFrame:
        """Return the score rows of a run's last scored epoch, without its baseline's."""

        def read() -> pd.DataFrame:
            frame = load(self.study, baselines=False, run=run.run_id, epoch=self.last_epoch[run.run_id])
            return frame[frame["run_id"] == run.run_id]  # others may be called as this one's id

        return _chosen(self._whole("run", run.run_id, read), where)

    def baseline_rows(self, degradation_id: str, **where: Any) -> pd.DataFrame:
        """Return the score rows of a baseline: methods ``bicubic`` and ``direct``."""

        def read() -> pd.DataFrame:
            frame = load(self.study, run=[])
            return frame[(frame["degradation_id"] == degradation_id) & frame["run_id"].isna()]

        return _chosen(self._whole("baseline", degradation_id, read), where)

    def _whole(self, kind: str, name: str, read: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """Return all rows of a run or a baseline; the last of each kind are held, for sections want parts of them."""
        held = self._held.get(kind)
        if held is None or held[0] != name:
            held = self._held[kind] = name, read()
        return held[1]

    @cached_property
    def differences(self) -> pd.DataFrame:
        """The differences, per picture, of every run's last epoch to interpolation, paired over patches.

        They are in the page's definition. Runs are compared with ``bicubic``, for ``compound`` with the direct
        interpolation by the same upsampler (``against`` = same) and by the best one (``against`` = best).
        """
        parts = []
        baselines: dict[str, pd.DataFrame] = {}
        for run in self.scored_runs:
            if run.degradation_id not in baselines:
                baselines[run.degradation_id] = self.baseline_rows(run.degradation_id, definition=self.definition)
            base = baselines[run.degradation_id]
            if not len(base):
                continue
            rows = self.rows(run, definition=self.definition)
            same = paired_differences(rows, base, self.metrics)
            parts.append(same.assign(label=run.label, variant=run.variant, against="same"))
            best = self.best_direct.get(run.degradation_id)
            zoomed = rows[rows["protocol"] == "compound"]
            if best and len(zoomed):
                other = base[(base["protocol"] == "compound") & (base["upsampler"] == best)].drop(columns="upsampler")
                difference = paired_differences(zoomed, other, self.metrics)
                parts.append(difference.assign(label=run.label, variant=run.variant, against="best"))
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()

    @cached_property
    def best_direct(self) -> dict[str, str]:
        """The upsampler that makes the best direct interpolation, by the leading metric, for each degradation_id."""
        direct = self.last[(self.last["method"] == "direct") & (self.last["definition"] == self.definition)]
        if not len(direct):
            return {}
        means = mean_over_pictures(direct, ["degradation_id", "upsampler"], [self.leading])
        ranked = means.sort_values(self.leading, ascending=not about(self.leading).higher_is_better)
        return {
            str(row.degradation_id): str(row.upsampler) for row in ranked.drop_duplicates("degradation_id").itertuples()
        }

    @cached_property
    def best_run(self) -> RunResults | None:
        """The best run by the leading metric over all sets, whose pictures are shown; None if none is scored."""
        rows = self.of_page(self.last)
        rows = rows[rows["run_id"].notna()]
        if not len(rows):
            return None
        means = mean_over_pictures(rows, ["label"], [self.leading]).dropna(subset=[self.leading])
        if not len(means):
            return self.scored_runs[0]
        ranked = means.sort_values(self.leading, ascending=not about(self.leading).higher_is_better)
        return next(run for run in self.study.runs if run.label == ranked.iloc[0]["label"])

    @cached_property
    def headline(self) -> str:
        """The set of which the page's first sentences speak: the one with most pictures, the first of several."""
        pictures = self.last.groupby(self.last["set"].astype(str))["image"].nunique()
        return max(self.study.sets, key=lambda name: int(pictures.get(name, 0)))

    @cached_property
    def progress(self) -> pd.DataFrame:
        """The tasks of a study that is not finished, by stage; no rows of one that is."""
        return progress(self.study) if self.study.missing() else pd.DataFrame()

    @cached_property
    def histories(self) -> pd.DataFrame:
        """One row for each run and epoch: losses, learning rate, seconds."""
        return load_histories(self.study)

    @cached_property
    def patches(self) -> pd.DataFrame:
        """The rows of the patchwise protocol at each run's last epoch, and of the baselines; a sample of many."""
        where = {"protocol": self.patchwise, "definition": self.definition}
        share = max(1, len(self.scored_runs))
        parts = [_thinned(self.rows(run, **where), SAMPLE_ROWS // share) for run in self.scored_runs]
        degradations = dict.fromkeys(run.degradation_id for run in self.study.runs)
        parts += [_thinned(self.baseline_rows(name, **where), SAMPLE_ROWS // share) for name in degradations]
        parts = [frame.astype({"label": object, "run_id": object}) for frame in parts if len(frame)]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _chosen(frame: pd.DataFrame, where: Mapping[str, Any]) -> pd.DataFrame:
    """Return the rows whose columns have the value asked for, or one of a list."""
    own = np.ones(len(frame), bool)
    for name, wanted in where.items():
        own &= frame[name].isin(wanted if isinstance(wanted, list) else [wanted]).to_numpy()
    return frame[own]


def _thinned(frame: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return every n-th row, so that at most about ``most`` remain; the same ones each time."""
    return frame.iloc[:: max(1, len(frame) // max(1, most))]
