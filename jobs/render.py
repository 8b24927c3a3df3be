"""Stage ``render``: the kept epochs of a run applied to every picture of its sets, where files of them are kept."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from jobs.folders import lacking_pictures
from jobs.job import Job, Lost, Progress, Stale, silent
from jobs.pictures import SetRef, load_set
from jobs.planned import PlannedRun
from jobs.sizes import picture_bytes
from srcnn.aside import Aside
from srcnn.experiment import Experiment
from srcnn.outputs import Output, Shelf
from srcnn.paths import GROUPS, RootPaths, RunPaths, view_folder
from srcnn.rendered import rendered_views


@dataclass(frozen=True)
class Render(Job):
    """The pictures of one run's sets, restored at every kept epoch of which ``render.keep`` wants files."""

    root: RootPaths
    paths: RunPaths
    experiment: Experiment
    sets: tuple[SetRef, ...]

    @classmethod
    def of(cls, run: PlannedRun) -> Iterator[tuple[str, Self]]:
        """Give the rendering of a run that has pictures to restore and to keep."""
        job = cls(run.study.root, run.paths, run.experiment, run.sets)
        if job.outputs():
            yield run.run_id, job

    def outputs(self) -> tuple[Output, ...]:
        """Return the folders of every view of every set, at the epochs of which files are kept."""
        epochs, history = self.experiment.kept_epochs, self.paths.history
        last, best = (epochs[-1:], None), (epochs, history)
        chosen = {"scored": (last, best), "best": (best,), "none": ()}
        return tuple(
            Output(
                "pictures",
                view_folder(self.paths.each_rendered_epoch(set_ref.group), set_ref.name, view),
                several,
                self.root.pictures(set_ref.set_id),
                best_by,
            )
            for several, best_by in chosen.get(self.experiment.render.keep, ((epochs, None),))
            for set_ref in self.sets
            for views in rendered_views(self.experiment.evaluate).values()
            for view in views
        )

    def bytes_to_write(self) -> tuple[str, int]:
        """Return the size of the pictures of the epochs that lack one."""
        once = picture_bytes(self.root, self.sets, rendered_views(self.experiment.evaluate))
        return "pictures", once * len(self.missing_epochs())

    def lost(self, needed: Lost) -> Lost:
        """Return the pictures that are lacking, and all pictures of an epoch whose checkpoint is.

        Where not all pictures are files, scores are not made from files, and outlive them.
        """
        lacking = self.missing_epochs() if self.experiment.render.keeps_all else []
        return {epoch: self.lacking(epoch) for epoch in lacking} | dict(needed)

    def stale(self, needed: Lost) -> Iterator[Stale]:
        """Give the folders of epochs whose checkpoint is lost."""
        for epoch in needed:
            for group in GROUPS:
                folder = self.paths.rendered_epoch(group, epoch)
                if folder.exists():
                    yield Stale(folder, partial(_take_folder, folder))

    def missing_epochs(self) -> list[int]:
        """Return the epochs that lack a picture of which there is to be a file."""
        shelf = Shelf()
        lacking = {epoch for output in self.outputs() for epoch in shelf.lacking(output)}
        return [epoch for epoch in self.experiment.kept_epochs if epoch in lacking]

    def lacking(self, epoch: int) -> set[tuple[str, str]]:
        """Return the set and name of every picture that lacks a view at one epoch."""
        return {
            (set_ref.name, name)
            for set_ref in self.sets
            for views in rendered_views(self.experiment.evaluate).values()
            for view in views
            for name in lacking_pictures(self.view_folder(set_ref, epoch, view), load_set(self.root, set_ref.set_id))
        }

    def view_folder(self, set_ref: SetRef, epoch: int, view: str) -> Path:
        """Return the folder of a view of a set's pictures at one epoch."""
        return view_folder(self.paths.rendered_epoch(set_ref.group, epoch), set_ref.name, view)

    def __call__(self, progress: Progress = silent) -> None:
        """Restore what is missing, picture by picture, each at all epochs."""
        from jobs.rendering import render  # torch, which a plan does without

        render(self, progress)


def _take_folder(folder: Path, aside: Aside) -> None:
    aside.take(folder)
