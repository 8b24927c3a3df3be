"""The work of stage ``evaluate``: the rendered pictures of a block compared with their originals."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from jobs.evaluate import Evaluate
from jobs.job import Progress
from jobs.pictures import Picture, SetRef, set_ids
from jobs.score_shards import EarlierScores, fill_shard, recover
from jobs.scoring import Row, ScoredPicture, ScoringError, in_parallel, rows_or_reason, score_comparisons
from srcnn import protocols
from srcnn.damage import is_content_fault, remade
from srcnn.experiment import Experiment
from srcnn.files import PictureError, read_picture
from srcnn.paths import view_folder
from srcnn.protocols import Comparison
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
    calls = [(_score_picture, stage, epoch, set_ref, picture) for epoch in epochs for set_ref, picture in pictures]
    results = in_parallel(rows_or_reason, calls, settings.workers, settings)
    reasons = []
    progress(0, len(calls), "")
    for number, epoch in enumerate(epochs):

        def tell(position: int, rows: int, before: int = number * len(pictures), epoch: int = epoch) -> None:
            progress(before + position, len(calls), f"epoch {epoch}, {counted(rows, 'comparison')}")

        names = [f"epoch {epoch}, {set_ref.name}/{picture.name}" for set_ref, picture in pictures]
        reasons += fill_shard(stage.shard(epoch), zip(names, results, strict=False), sets, settings, tell)
    if reasons:
        raise ScoringError(reasons)


def _score_picture(stage: Evaluate, epoch: int, set_ref: SetRef, picture: Picture) -> list[Row]:
    rendered = stage.paths.run(stage.run_id).rendered_epoch(set_ref.group, epoch)
    original = picture.read()
    comparisons = chain(
        compare_full_size(stage.experiment, original, rendered, set_ref.name, picture),
        _compare_zoomed(stage.experiment, original, rendered, set_ref.name, picture.name),
    )
    subject = ScoredPicture(set_ref.name, picture.name, "srcnn", stage.run_id, epoch)
    earlier = EarlierScores(stage.paths.scores(stage.run_id), set_ids(stage.sets), stage.eval_id)
    known = earlier.known(epoch, set_ref.name, picture.name)
    return list(score_comparisons(subject, comparisons, stage.experiment.evaluate, known))


def _compare_zoomed(
    experiment: Experiment, original: Bytes, rendered: Path, set_name: str, image: str
) -> Iterator[Comparison]:
    settings = experiment.evaluate
    for zoom in settings.used_zooms:
        small = read_view(rendered, set_name, f"zoom_{zoom}", image)
        full = reference(original, experiment.data, zoom)
        yield from protocols.compound(full, small, settings.crops, zoom, settings.upsamplers)


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
) -> Iterator[Comparison]:
    """Give the comparisons of ``whole``, ``region`` and ``luma`` for one picture rendered below ``base``."""
    evaluate, data = experiment.evaluate, experiment.data
    hr, restored = reference(original, data), read_view(base, set_name, "full", picture.name)
    if "whole" in evaluate.protocols:
        yield from protocols.whole(restored, evaluate.crops, evaluate.upsamplers)
    if "region" in evaluate.protocols:
        yield from protocols.region(hr, restored, evaluate.crops)
    if "luma" in evaluate.protocols:
        luma = read_view(base, set_name, "luma", picture.name)[..., 0]
        yield from protocols.luma(measured_luma(hr, picture.grey), luma, data.scale)
