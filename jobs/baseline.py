"""Stage ``baseline``: what interpolation alone gives, rendered and scored once for all runs."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from jobs.evaluate import compare_full_size, set_ids
from jobs.folders import lacking_pictures, open_folder, present_files
from jobs.job import Job, Lost, Progress, Stale, silent
from jobs.pictures import Picture, SetRef, load_set
from jobs.planned import PlannedRun
from jobs.render import as_view
from jobs.scoring import (
    EarlierScores,
    Row,
    ScoredPicture,
    ScoringError,
    fill_shard,
    in_parallel,
    recover,
    rows_or_reason,
    score_comparisons,
    take_rows,
)
from jobs.sizes import picture_bytes
from srcnn import protocols
from srcnn.aside import Aside
from srcnn.experiment import Experiment
from srcnn.files import write_picture
from srcnn.outputs import Output
from srcnn.paths import StudyPaths, view_folder
from srcnn.rendered import picture_file
from srcnn.shards import has_rows, has_shard
from srcnn.views import interpolated_bands, low_resolution_picture, reduced, reference, rendered_views
from srcnn.words import counted


@dataclass(frozen=True)
class Baseline(Job):
    """The interpolated inputs of all sets, and their scores (methods ``bicubic`` and ``direct``)."""

    paths: StudyPaths
    degradation_id: str
    eval_id: str
    experiment: Experiment
    sets: tuple[SetRef, ...]

    @classmethod
    def of(cls, run: PlannedRun) -> Iterator[tuple[str, Self]]:
        """The inputs of a run whose pictures are scored."""
        if run.sets:
            yield run.degradation_id, cls(run.study, run.degradation_id, run.eval_id, run.experiment, run.sets)

    @property
    def shard(self) -> Path:
        """The Parquet file of all scores."""
        return self.paths.shard(self.degradation_id, self.eval_id, 0)

    def outputs(self) -> tuple[Output, ...]:
        """The scores, and the views of every set."""
        views = rendered_views(self.experiment.evaluate)[1]
        folders = [
            Output("pictures", self._folder(each, view), pictures=self.paths.root.pictures(each.set_id))
            for each in self.sets
            for view in views
        ]
        return Output("shard", self.shard), *folders

    def bytes_to_write(self) -> tuple[str, int]:
        """The views of every picture."""
        return "pictures", picture_bytes(self.paths.root, self.sets, {1: rendered_views(self.experiment.evaluate)[1]})

    def lacking(self) -> set[tuple[str, str]]:
        """Set and name of each picture that lacks an interpolated view."""
        return {
            (each.name, name)
            for each in self.sets
            for view in rendered_views(self.experiment.evaluate)[1]
            for name in lacking_pictures(self._folder(each, view), load_set(self.paths.root, each.set_id))
        }

    def stale(self, needed: Lost) -> Iterator[Stale]:
        """The scores of pictures that are lacking."""
        lost = self.lacking()
        if lost and has_rows(self.shard):
            yield Stale(self.shard, partial(self.take_scores, lost))

    def to_read(self) -> Iterator[Path]:
        """The interpolated pictures that are there, if their scores are missing."""
        if not has_shard(self.shard):
            for each in self.sets:
                names = [picture.name for picture in load_set(self.paths.root, each.set_id).pictures]
                for view in rendered_views(self.experiment.evaluate)[1]:
                    yield from present_files(self._folder(each, view), names)

    def take_scores(self, lost: Collection[tuple[str, str]] | None, aside: Aside) -> None:
        """Take away the scores of lost pictures, by set and name (None: of all)."""
        take_rows(self.shard, lost, set_ids(self.sets), self.experiment.evaluate, aside)

    def _folder(self, each: SetRef, view: str) -> Path:
        return view_folder(self.paths.baseline(self.degradation_id), each.name, view)

    def __call__(self, progress: Progress = silent) -> None:
        """Interpolate and score what is missing."""
        pictures = [
            (each, picture) for each in self.sets for picture in load_set(self.paths.root, each.set_id).pictures
        ]
        for each in self.sets:
            for view in rendered_views(self.experiment.evaluate)[1]:
                open_folder(self._folder(each, view), load_set(self.paths.root, each.set_id), self.paths.folder)
        evaluate = self.experiment.evaluate
        recover(self.shard, set_ids(self.sets), evaluate)
        calls = [(Baseline.interpolate_and_score, self, *which) for which in pictures]
        results = in_parallel(rows_or_reason, calls, evaluate.workers, evaluate)
        names = [f"{each.name}/{picture.name}" for each, picture in pictures]
        progress(0, len(pictures), "")
        reasons = fill_shard(
            self.shard,
            zip(names, results, strict=False),
            set_ids(self.sets),
            evaluate,
            lambda number, rows: progress(number, len(pictures), f"{counted(rows, 'comparison')}"),
        )
        if reasons:
            raise ScoringError(reasons)

    def interpolate_and_score(self, each: SetRef, picture: Picture) -> list[Row]:
        """Write the interpolated views of one picture and return the rows of its scores."""
        data, evaluate = self.experiment.data, self.experiment.evaluate
        original = picture.read()
        hr = reference(original, data)
        bands = interpolated_bands(hr, data, picture.grey)
        for view in rendered_views(evaluate)[1]:
            file = picture_file(self._folder(each, view), picture.name)
            if not file.exists():
                write_picture(file, as_view(view, bands[..., 0], bands, data, picture.grey))
        if has_shard(self.shard):
            return []
        earlier = EarlierScores(self.paths.scores(self.degradation_id), set_ids(self.sets), self.eval_id)
        known = earlier.known(0, each.name, picture.name)
        base = self.paths.baseline(self.degradation_id)
        full_size = compare_full_size(self.experiment, original, base, each.name, picture)
        rows = list(score_comparisons(ScoredPicture(each.name, picture.name, "bicubic"), full_size, evaluate, known))
        for zoom in evaluate.used_zooms:
            lr = low_resolution_picture(reduced(original, data, zoom), data, picture.grey)
            full = reference(original, data, zoom)
            zoomed = protocols.direct(full, lr, evaluate.crops, zoom, evaluate.upsamplers)
            rows += score_comparisons(ScoredPicture(each.name, picture.name, "direct"), zoomed, evaluate, known)
        return rows
