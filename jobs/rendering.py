"""The work of stage ``render``: pictures restored by the networks of a run's kept epochs, and written."""

from collections.abc import Iterator, Mapping

import torch

from jobs.device import task_device
from jobs.folders import missing_pictures, open_folder
from jobs.job import Progress, task_cores
from jobs.pictures import Picture, SetRef, load_set
from jobs.render import Render
from jobs.restored import RestoringNetwork
from srcnn.files import PictureError, write_picture
from srcnn.rendered import picture_file, rendered_views
from srcnn.views import degraded, reduced
from srcnn.words import listed

# A pass of the network over a picture: the zoom that the picture is reduced by, and the epoch of the weights.
Pass = tuple[int, int]


def render(stage: Render, progress: Progress) -> None:
    """Restore what is missing of a run's pictures, picture by picture, each at all epochs.

    Raises PictureError at the end, when all else is written, for pictures that could not be restored.
    """
    epochs = stage.missing_epochs()
    device = task_device()
    torch.set_num_threads(task_cores())
    own = stage.experiment.model.name
    networks = {epoch: RestoringNetwork(stage.paths, epoch, device, own) for epoch in epochs}
    todo = [
        (set_ref, picture, passes) for set_ref in stage.sets for picture, passes in _to_restore(stage, set_ref, epochs)
    ]
    progress(0, len(todo), "")
    reasons = []
    for number, (set_ref, picture, passes) in enumerate(todo, 1):
        try:
            _restore(stage, set_ref, picture, passes, networks)
        except PictureError as error:  # the other pictures are restored all the same
            reasons.append(str(error))
        except FloatingPointError as error:
            reasons.append(f"{picture.path}: {error}")
        progress(number, len(todo), f"{set_ref.name}/{picture.name}")
    if reasons:
        raise PictureError(f"could not be restored:{listed(reasons)}")


def _to_restore(stage: Render, set_ref: SetRef, epochs: list[int]) -> Iterator[tuple[Picture, list[Pass]]]:
    """Give the pictures of a set that lack a view, with the passes that make it."""
    pictures = load_set(stage.root, set_ref.set_id)
    passes: dict[str, list[Pass]] = {}
    for zoom, views in rendered_views(stage.experiment.evaluate).items():
        for epoch in epochs:
            folders = [stage.view_folder(set_ref, epoch, view) for view in views]
            for folder in folders:
                open_folder(folder, pictures, stage.paths.study)
            for name in {name for folder in folders for name in missing_pictures(folder, pictures)}:
                passes.setdefault(name, []).append((zoom, epoch))
    return ((picture, passes[picture.name]) for picture in pictures.pictures if picture.name in passes)


def _restore(
    stage: Render, set_ref: SetRef, picture: Picture, passes: list[Pass], networks: Mapping[int, RestoringNetwork]
) -> None:
    data = stage.experiment.data
    original = picture.read()
    for zoom in sorted({zoom for zoom, _ in passes}):
        hr = reduced(original, data, zoom)
        given = degraded(hr, data, picture.grey)
        for epoch in (epoch for pass_zoom, epoch in passes if pass_zoom == zoom):
            names = rendered_views(stage.experiment.evaluate)[zoom]
            for view, pixels in networks[epoch].views(names, given, data, picture.grey):
                write_picture(picture_file(stage.view_folder(set_ref, epoch, view), picture.name), pixels)
