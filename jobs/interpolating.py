"""The work of stage ``baseline``: pictures that are interpolated, and scored as they are."""

from collections.abc import Iterator
from functools import partial

from jobs.backends import backend_of
from jobs.baseline import Baseline
from jobs.evaluating import compare_full_size, read_view
from jobs.folders import open_folder
from jobs.job import Progress
from jobs.pictures import Picture, SetRef, load_set, set_ids
from jobs.score_shards import EarlierScores, fill_shard, recover
from jobs.scoring import ScoredPicture, ScoringError, ToScore
from srcnn.files import write_picture
from srcnn.protocols import Compared
from srcnn.rendered import picture_file, rendered_views
from srcnn.shards import has_shard
from srcnn.views import Bytes, as_view, interpolated_bands, low_resolution_picture, reduced, reference
from srcnn.words import counted


def interpolate(stage: Baseline, progress: Progress) -> None:
    """Interpolate and score the pictures of a study that lack it.

    Raises ScoringError at the end, when all else is written, for pictures that could not be scored.
    """
    settings, root, sets = stage.experiment.evaluate, stage.paths.root, set_ids(stage.sets)
    pictures = [(set_ref, picture) for set_ref in stage.sets for picture in load_set(root, set_ref.set_id).pictures]
    for set_ref in stage.sets:
        for view in rendered_views(settings)[1]:
            open_folder(stage.view_folder(set_ref, view), load_set(root, set_ref.set_id), stage.paths.folder)
    recover(stage.shard, sets, settings)
    backend = backend_of(settings, "baseline")
    calls = [(stage, set_ref, picture) for set_ref, picture in pictures]
    results = backend.score(_to_score, calls, settings, settings.workers)
    names = [f"{set_ref.name}/{picture.name}" for set_ref, picture in pictures]
    progress(0, len(pictures), "")
    reasons = fill_shard(
        stage.shard,
        zip(names, results, strict=False),
        sets,
        settings,
        backend.name,
        lambda number, rows: progress(number, len(pictures), counted(rows, "comparison")),
    )
    if reasons:
        raise ScoringError(reasons)


def _to_score(stage: Baseline, set_ref: SetRef, picture: Picture) -> Iterator[ToScore]:
    """Write the interpolated views of a picture that are missing; give what is compared of it if scores are."""
    data, settings = stage.experiment.data, stage.experiment.evaluate
    original = picture.read()
    hr = reference(original, data)
    bands = interpolated_bands(hr, data, picture.grey)
    for view in rendered_views(settings)[1]:
        file = picture_file(stage.view_folder(set_ref, view), picture.name)
        if not file.exists():
            write_picture(file, as_view(view, bands[..., 0], bands, data, picture.grey))
    if has_shard(stage.shard):
        return
    earlier = EarlierScores(stage.paths.scores(stage.degradation_id), set_ids(stage.sets), stage.eval_id)
    known = earlier.known(0, set_ref.name, picture.name)
    of_file = partial(read_view, stage.paths.baseline(stage.degradation_id), set_ref.name, picture.name)
    full_size = compare_full_size(stage.experiment, original, of_file, picture.grey)
    yield ToScore(ScoredPicture(set_ref.name, picture.name, "bicubic"), full_size, known)
    zoomed = (_compare_zoomed(stage, original, picture, zoom) for zoom in settings.used_zooms)
    yield ToScore(ScoredPicture(set_ref.name, picture.name, "direct"), zoomed, known)


def _compare_zoomed(stage: Baseline, original: Bytes, picture: Picture, zoom: int) -> Compared:
    data, settings = stage.experiment.data, stage.experiment.evaluate
    lr = low_resolution_picture(reduced(original, data, zoom), data, picture.grey)
    return Compared("direct", (reference(original, data, zoom), lr), (settings.crops, zoom, settings.upsamplers))
