"""The work of stage ``evaluate``: the rendered pictures of a block compared with their originals."""

from collections.abc import Iterator
from pathlib import Path

from jobs.backends import backend_of
from jobs.evaluate import Evaluate
from jobs.job import Progress
from jobs.pictures import Picture, SetRef, set_ids
from jobs.score_shards import EarlierScores, fill_shard, recover
from jobs.scoring import ScoredPicture, ScoringError, ToScore
from srcnn.damage import is_content_fault, remade
from srcnn.experiment import Experiment
from srcnn.files import PictureError, read_picture
from srcnn.paths import view_folder
from srcnn.protocols import Compared
from srcnn.rendered import picture_file
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
    calls = [(stage, epoch, set_ref, picture) for epoch in epochs for set_ref, picture in pictures]
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


def _to_score(stage: Evaluate, epoch: int, set_ref: SetRef, picture: Picture) -> Iterator[ToScore]:
    """Give what is compared of one picture at one epoch."""
    earlier = EarlierScores(stage.paths.scores(stage.run_id), set_ids(stage.sets), stage.eval_id)
    subject = ScoredPicture(set_ref.name, picture.name, "srcnn", stage.run_id, epoch)
    yield ToScore(subject, _compared(stage, epoch, set_ref, picture), earlier.known(epoch, set_ref.name, picture.name))


def _compared(stage: Evaluate, epoch: int, set_ref: SetRef, picture: Picture) -> Iterator[Compared]:
    settings = stage.experiment.evaluate
    rendered = stage.paths.run(stage.run_id).rendered_epoch(set_ref.group, epoch)
    original = picture.read()
    yield from compare_full_size(stage.experiment, original, rendered, set_ref.name, picture)
    for zoom in settings.used_zooms:
        small = read_view(rendered, set_ref.name, f"zoom_{zoom}", picture.name)
        full = reference(original, stage.experiment.data, zoom)
        yield Compared("compound", (full, small), (settings.crops, zoom, settings.upsamplers))


def read_view(base: Path, set_name: str, view: str, image: str) -> Bytes:
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
    experiment: Experiment, original: Bytes, base: Path, set_name: str, picture: Picture
) -> Iterator[Compared]:
    """Give what ``whole``, ``region`` and ``luma`` compare of one picture rendered below ``base``."""
    evaluate, data = experiment.evaluate, experiment.data
    hr, restored = reference(original, data), read_view(base, set_name, "full", picture.name)
    if "whole" in evaluate.protocols:
        yield Compared("whole", (restored,), (evaluate.crops, evaluate.upsamplers))
    if "region" in evaluate.protocols:
        yield Compared("region", (hr, restored), (evaluate.crops,))
    if "luma" in evaluate.protocols:
        luma = read_view(base, set_name, "luma", picture.name)[..., 0]
        yield Compared("luma", (measured_luma(hr, picture.grey), luma), (data.scale,))
