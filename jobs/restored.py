"""Pictures restored in memory by the network of a run's kept epoch: what is written, scored or shown of it."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

import torch

from jobs.checkpoint import Checkpoint, CheckpointError, set_aside_damaged
from jobs.job import task_cores
from jobs.pictures import Picture
from srcnn.damage import Identity, identity
from srcnn.experiment import DataConfig, Experiment
from srcnn.files import PictureError
from srcnn.inference import restore
from srcnn.paths import RunPaths
from srcnn.rendered import rendered_views
from srcnn.views import Bytes, Degraded, as_view, degraded, reduced


class RestoringNetwork:
    """The network of a run at a kept epoch on a device, with the scale that it computes in."""

    def __init__(self, paths: RunPaths, epoch: int, device: torch.device, own: str) -> None:
        checkpoint = _checkpoint(paths.checkpoint(epoch))
        self.model = checkpoint.build(own).to(device)
        self.scale = checkpoint.standardisation

    def views(self, names: Iterable[str], given: Degraded, data: DataConfig, grey: bool) -> Iterator[tuple[str, Bytes]]:
        """Give the named views of a restored picture."""
        luma = restore(self.model, given, self.scale)
        for view in names:
            yield view, as_view(view, luma, given.interpolated, data, grey)


def _checkpoint(file: Path) -> Checkpoint:
    """Return a checkpoint. A damaged one is moved away, so that submitting again remakes it."""
    try:
        return Checkpoint.load(file)
    except CheckpointError as error:
        if set_aside_damaged(file):
            raise CheckpointError(f"{error}; it was set aside: submit the study again to remake it") from error
        raise


def restored_views(
    paths: RunPaths, experiment: Experiment, epoch: int, picture: Picture, original: Bytes, device: str
) -> dict[str, Bytes]:
    """Return every view of a picture, restored at an epoch, that the study's protocols compare.

    The networks of the last few epochs stay in memory. Raises CheckpointError, and PictureError where the network
    gives no finite numbers.
    """
    file = paths.checkpoint(epoch)
    network = _network(paths, epoch, device, experiment.model.name, identity(file))
    views: dict[str, Bytes] = {}
    for zoom, names in rendered_views(experiment.evaluate).items():
        given = degraded(reduced(original, experiment.data, zoom), experiment.data, picture.grey)
        try:
            views.update(network.views(names, given, experiment.data, picture.grey))
        except FloatingPointError as error:
            raise PictureError(f"{picture.place}: {error}") from error
    return views


@lru_cache(maxsize=2)
def _network(paths: RunPaths, epoch: int, device: str, own: str, _seen: Identity | None) -> RestoringNetwork:
    if torch.get_num_threads() > task_cores():  # scoring's own processes have one thread each
        torch.set_num_threads(task_cores())
    return RestoringNetwork(paths, epoch, torch.device(device), own)
