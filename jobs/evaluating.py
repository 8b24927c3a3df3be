"""The work of stage ``evaluate``: the rendered pictures of a block compared with their originals."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from jobs.backends import backend_of
from jobs.evaluate import Evaluate
from jobs.folders import present_files
from jobs.job import Progress
from jobs.pictures import Picture, SetRef, set_ids
from jobs.score_shards import EarlierScores, fill_shard, recover
from jobs.scoring import ScoredPicture, ScoringError, ToScore
from srcnn.damage import DamagedFile, is_content_fault, remade
from srcnn.experiment import Experiment
from srcnn.files import PictureError, read_picture
from srcnn.paths import view_folder
from srcnn.protocols import Compared
from srcnn.rendered import made_from, picture_file, rendered_views
from srcnn.views import Bytes, measured_luma, reference
from srcnn.words import counted


def evaluate(stage: Evaluate, progress: Progress) -> None:
    """Score the epochs that are missing of a block; each shard is written when its last picture is done.

    Raises ScoringError at the end, when all else is written, for pictures that could not be scored.
    """
    epochs, pictures, sets = stage.missing_epochs(), stage.pictures(), set_ids(stage.sets)
    settings = stage.experiment.evaluate
    for epoch in epochs:
        recover(stage.shard(epoch), sets, settings)
    backend = backend_of(settings, "evaluate")
    calls = [(stage, epoch, *picture, backend.device) for epoch in epochs for picture in pictures]
    results = backend.score(_to_score, calls, settings, settings.workers)
    reasons = []
    progress(0, len(calls), "")
    for number, epoch in enumerate(epochs):

        def tell(position: int, rows: int, before: int = number * len(pictures), epoch: int = epoch) -> None:
            progress(before + position, len(calls), f"epoch {epoch}, {counted(rows, 'comparison')}")

        names = [f"epoch {epoch}, {set_ref.name}/{picture.name}" for set_ref, picture in pictures]
        scored = zip(names, results, strict=False)
        reasons += fill_shard(stage.shard(epoch), scored, sets, settings, backend.name, tell)
    if reasons:
        raise ScoringError(reasons)


def _to_score(stage: Evaluate, epoch: int, set_ref: SetRef, picture: Picture, device: str) -> Iterator[ToScore]:
    """Give what is compared of one picture at one epoch."""
    earlier = EarlierScores(stage.paths.scores(stage.run_id), set_ids(stage.sets), stage.eval_id)
    subject = ScoredPicture(set_ref.name, picture.name, "srcnn", stage.run_id, epoch)
    yield ToScore(
        subject, _compared(stage, epoch, set_ref, picture, device), earlier.known(epoch, set_ref.name, picture.name)
    )


def _compared(stage: Evaluate, epoch: int, set_ref: SetRef, picture: Picture, device: str) -> Iterator[Compared]:
    settings = stage.experiment.evaluate
    original = picture.read()
    view = _views(stage, epoch, set_ref, picture, original, device)
    yield from compare_full_size(stage.experiment, original, view, picture.grey)
    for zoom in settings.used_zooms:
        full = reference(original, stage.experiment.data, zoom)
        yield Compared("compound", (full, view(f"zoom_{zoom}")), (settings.crops, zoom, settings.upsamplers))


def _views(
    stage: Evaluate, epoch: int, set_ref: SetRef, picture: Picture, original: Bytes, device: str
) -> Callable[[str], Bytes]:
    """Return what gives a view of a restored picture: its file, or what is restored now where there is none."""
    run = stage.paths.run(stage.run_id)
    base = run.rendered_epoch(set_ref.group, epoch)
    of_file = partial(read_view, base, set_ref.name, picture.name)
    if stage.experiment.render.keeps_all:
        return of_file
    names = [view for views in rendered_views(stage.experiment.evaluate).values() for view in views]
    folders = [view_folder(base, set_ref.name, view) for view in names]
    if all(made_from(folder) == set_ref.set_id and present_files(folder, [picture.name]) for folder in folders):
        with suppress(PictureError, DamagedFile):  # what a disk does not give is restored
            return {view: of_file(view) for view in names}.__getitem__
    from jobs.restored import restored_views  # torch, which scoring does without

    return restored_views(run, stage.experiment, epoch, picture, original, device).__getitem__


def read_view(base: Path, set_name: str, image: str, view: str) -> Bytes:
    """Return one rendered picture; ``base`` is an epoch's folder of a run, or a baseline's folder.

    Raises PictureError, and DamagedFile for a damaged picture, which the stage before makes again.
    """
    file = picture_file(view_folder(base, set_name, view), image)
    try:
        return read_picture(file)
    except PictureError as error:
        if isinstance(error.__cause__, Exception) and is_content_fault(error.__cause__):
            raise remade(file, error) from error
        raise


def compare_full_size(
    experiment: Experiment, original: Bytes, view: Callable[[str], Bytes], grey: bool
) -> Iterator[Compared]:
    """Give what ``whole``, ``region`` and ``luma`` compare of one picture; ``view`` gives its views by name."""
    evaluate, data = experiment.evaluate, experiment.data
    hr, restored = reference(original, data), view("full")
    if "whole" in evaluate.protocols:
        yield Compared("whole", (restored,), (evaluate.crops, evaluate.upsamplers))
    if "region" in evaluate.protocols:
        yield Compared("region", (hr, restored), (evaluate.crops,))
    if "luma" in evaluate.protocols:
        luma = view("luma")  # a file's has three equal bands
        luma = luma if luma.ndim == 2 else luma[..., 0]
        yield Compared("luma", (measured_luma(hr, grey), luma), (data.scale,))
