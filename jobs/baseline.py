"""Stage ``baseline``: pictures that are only interpolated, rendered and scored once for all runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from jobs.folders import lacking_pictures, present_files
from jobs.job import Job, Lost, Progress, Stale, silent
from jobs.lost_scores import take_scores
from jobs.pictures import SetRef, load_set
from jobs.planned import PlannedRun
from jobs.sizes import picture_bytes
from srcnn.experiment import Experiment
from srcnn.outputs import Output
from srcnn.paths import StudyPaths, view_folder
from srcnn.rendered import rendered_views
from srcnn.shards import has_rows, has_shard


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
        """Give the baseline of a run whose pictures are scored."""
        if run.sets:
            yield run.degradation_id, cls(run.study, run.degradation_id, run.eval_id, run.experiment, run.sets)

    @property
    def shard(self) -> Path:
        """The Parquet file of all scores."""
        return self.paths.shard(self.degradation_id, self.eval_id, 0)

    def outputs(self) -> tuple[Output, ...]:
        """Return the shard of scores, and the folders of the views of every set."""
        views = rendered_views(self.experiment.evaluate)[1]
        folders = [
            Output("pictures", self.view_folder(set_ref, view), pictures=self.paths.root.pictures(set_ref.set_id))
            for set_ref in self.sets
            for view in views
        ]
        return Output("shard", self.shard), *folders

    def bytes_to_write(self) -> tuple[str, int]:
        """Return the size of the views of every picture."""
        return "pictures", picture_bytes(self.paths.root, self.sets, {1: rendered_views(self.experiment.evaluate)[1]})

    def lacking(self) -> set[tuple[str, str]]:
        """Return the set and name of every picture that lacks an interpolated view."""
        return {
            (set_ref.name, name)
            for set_ref in self.sets
            for view in rendered_views(self.experiment.evaluate)[1]
            for name in lacking_pictures(self.view_folder(set_ref, view), load_set(self.paths.root, set_ref.set_id))
        }

    def stale(self, needed: Lost) -> Iterator[Stale]:
        """Give the shard, if it holds scores of pictures that are lacking."""
        lost = self.lacking()
        if lost and has_rows(self.shard):
            yield Stale(self.shard, partial(take_scores, self.shard, lost, self.sets, self.experiment.evaluate))

    def to_read(self) -> Iterator[Path]:
        """Give the interpolated pictures that are there, if their scores are missing."""
        if not has_shard(self.shard):
            for set_ref in self.sets:
                names = [picture.name for picture in load_set(self.paths.root, set_ref.set_id).pictures]
                for view in rendered_views(self.experiment.evaluate)[1]:
                    yield from present_files(self.view_folder(set_ref, view), names)

    def view_folder(self, set_ref: SetRef, view: str) -> Path:
        """Return the folder of a view of a set's pictures."""
        return view_folder(self.paths.baseline(self.degradation_id), set_ref.name, view)

    def __call__(self, progress: Progress = silent) -> None:
        """Interpolate and score what is missing."""
        from jobs.interpolating import interpolate  # pyarrow, which a plan does without

        interpolate(self, progress)
