"""Stage ``render``: every kept epoch of a run applied to every picture of its sets."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from jobs.device import task_device
from jobs.folders import lacking_pictures, missing_pictures, open_folder
from jobs.job import Job, Lost, Progress, Stale, silent, task_cores
from jobs.pictures import Picture, PictureError, SetRef, load_set
from jobs.planned import PlannedRun
from jobs.sizes import picture_bytes
from srcnn.aside import Aside
from srcnn.color import own_standard, to_uint8
from srcnn.deprocess import Floats, as_measured_luma, deprocess
from srcnn.experiment import DataConfig, Experiment
from srcnn.files import write_picture
from srcnn.outputs import Output, Shelf
from srcnn.paths import GROUPS, RootPaths, RunPaths, view_folder
from srcnn.rendered import picture_file
from srcnn.views import interpolated_bands, reduced, rendered_views
from srcnn.words import listed

if TYPE_CHECKING:
    import torch

    from jobs.checkpoint import Checkpoint


@dataclass(frozen=True)
class Render(Job):
    """Restore the pictures of one run's sets at every kept epoch."""

    root: RootPaths
    paths: RunPaths
    experiment: Experiment
    sets: tuple[SetRef, ...]

    @classmethod
    def of(cls, run: PlannedRun) -> Iterator[tuple[str, Self]]:
        """The pictures of a run that has any to restore."""
        if run.sets:
            yield run.run_id, cls(run.study.root, run.paths, run.experiment, run.sets)

    def outputs(self) -> tuple[Output, ...]:
        """Every view of every set at every kept epoch."""
        return tuple(
            Output(
                "pictures",
                view_folder(self.paths.each_rendered_epoch(each.group), each.name, view),
                tuple(self.experiment.kept_epochs),
                self.root.pictures(each.set_id),
            )
            for each in self.sets
            for views in rendered_views(self.experiment.evaluate).values()
            for view in views
        )

    def bytes_to_write(self) -> tuple[str, int]:
        """The pictures of the epochs that lack one."""
        once = picture_bytes(self.root, self.sets, rendered_views(self.experiment.evaluate))
        return "pictures", once * len(self.missing_epochs())

    def lost(self, needed: Lost) -> Lost:
        """The pictures that are lacking, and all of an epoch whose checkpoint is."""
        return {epoch: self.lacking(epoch) for epoch in self.missing_epochs()} | dict(needed)

    def stale(self, needed: Lost) -> Iterator[Stale]:
        """The pictures of epochs whose checkpoint is lost."""
        for epoch in needed:
            for group in GROUPS:
                folder = self.paths.rendered_epoch(group, epoch)
                if folder.exists():
                    yield Stale(folder, partial(_take_folder, folder))

    def missing_epochs(self) -> list[int]:
        """Kept epochs that lack a picture."""
        shelf = Shelf()
        lacking = {epoch for output in self.outputs() for epoch in shelf.lacking(output)}
        return [epoch for epoch in self.experiment.kept_epochs if epoch in lacking]

    def lacking(self, epoch: int) -> set[tuple[str, str]]:
        """Set and name of each picture that lacks a view at one epoch."""
        return {
            (each.name, name)
            for each in self.sets
            for views in rendered_views(self.experiment.evaluate).values()
            for view in views
            for name in lacking_pictures(self._folder(each, epoch, view), load_set(self.root, each.set_id))
        }

    def _folder(self, each: SetRef, epoch: int, view: str) -> Path:
        return view_folder(self.paths.rendered_epoch(each.group, epoch), each.name, view)

    def __call__(self, progress: Progress = silent) -> None:
        """Restore what is missing, picture by picture, each at all epochs."""
        import torch

        epochs = self.missing_epochs()
        device = task_device()
        torch.set_num_threads(task_cores())
        models = {epoch: _Model(self._load(epoch), device, self.experiment.model.name) for epoch in epochs}
        todo = [(each, picture, lacking) for each in self.sets for picture, lacking in self._lacking(each, epochs)]
        progress(0, len(todo), "")
        reasons = []
        for number, (each, picture, lacking) in enumerate(todo, 1):
            try:
                self._restore(each, picture, lacking, models)
            except PictureError as error:  # it keeps no other from being restored
                reasons.append(str(error))
            except FloatingPointError as error:
                reasons.append(f"{picture.path}: {error}")
            progress(number, len(todo), f"{each.name}/{picture.name}")
        if reasons:
            raise PictureError(f"could not be restored:{listed(reasons)}")

    def _load(self, epoch: int) -> "Checkpoint":
        """The checkpoint of an epoch. A damaged one is moved away, so that submitting again remakes it."""
        from jobs.checkpoint import Checkpoint, CheckpointError, set_aside_damaged

        file = self.paths.checkpoint(epoch)
        try:
            return Checkpoint.load(file)
        except CheckpointError as error:
            if set_aside_damaged(file):
                raise CheckpointError(f"{error}; it was set aside: submit the study again to remake it") from error
            raise

    def _lacking(self, each: SetRef, epochs: list[int]) -> Iterator[tuple[Picture, list[tuple[int, int]]]]:
        """Pictures of a set that lack a view, with the (zoom, epoch) passes that make it."""
        pictures = load_set(self.root, each.set_id)
        lacking: dict[str, list[tuple[int, int]]] = {}
        for zoom, views in rendered_views(self.experiment.evaluate).items():
            for epoch in epochs:
                folders = [self._folder(each, epoch, view) for view in views]
                for folder in folders:
                    open_folder(folder, pictures, self.paths.study)
                for name in {name for folder in folders for name in missing_pictures(folder, pictures)}:
                    lacking.setdefault(name, []).append((zoom, epoch))
        return ((picture, lacking[picture.name]) for picture in pictures.pictures if picture.name in lacking)

    def _restore(
        self, each: SetRef, picture: Picture, passes: list[tuple[int, int]], models: dict[int, "_Model"]
    ) -> None:
        data = self.experiment.data
        original = picture.read()
        for zoom in sorted({zoom for zoom, _ in passes}):
            hr = reduced(original, data, zoom)
            bands = interpolated_bands(hr, data, picture.grey)
            for epoch in (epoch for z, epoch in passes if z == zoom):
                luma = models[epoch].restore(bands[..., 0])
                for view in rendered_views(self.experiment.evaluate)[zoom]:
                    file = picture_file(self._folder(each, epoch, view), picture.name)
                    write_picture(file, as_view(view, luma, bands, data, picture.grey))


def _take_folder(folder: Path, aside: Aside) -> None:
    aside.take(folder)


def as_view(view: str, luma: Floats, bands: Floats, data: DataConfig, grey: bool = False) -> NDArray[np.uint8]:
    """The 8-bit picture of a view from luma (H, W) and the interpolated bands (H, W, 3).

    ``grey``: the picture was stored in one band, so that luma is its values.
    """
    if view == "luma":
        return to_uint8(luma) if grey else as_measured_luma(luma, data.luma)
    return deprocess(luma, bands, own_standard(data.luma, grey))


class _Model:
    """A checkpoint's network on a device."""

    def __init__(self, checkpoint: "Checkpoint", device: "torch.device", own: str) -> None:
        self.model = checkpoint.build(own).to(device)
        self.scale = checkpoint.standardisation

    def restore(self, luma: np.ndarray) -> np.ndarray:
        from srcnn.inference import restore_luma

        return restore_luma(self.model, luma, self.scale)
