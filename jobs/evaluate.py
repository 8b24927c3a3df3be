"""Stage ``evaluate``: restored pictures to scores, over all cores; never needs torch.

Also a command that scores any two folders of pictures: ``python -m jobs.evaluate --help``.
"""

if __name__ == "__main__":  # before the imports below, so that --help answers at once
    import sys

    from jobs.compare_folders import main

    sys.exit(main())

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Self

from jobs.folders import present_files
from jobs.job import Job, Lost, Progress, Stale, silent
from jobs.pictures import Picture, SetRef, load_set
from jobs.planned import PlannedRun
from jobs.scoring import (
    EarlierScores,
    Row,
    ScoredPicture,
    ScoringError,
    block_of,
    fill_shard,
    in_parallel,
    recover,
    rows_or_reason,
    score_comparisons,
    take_rows,
)
from srcnn import protocols
from srcnn.aside import Aside
from srcnn.damage import is_content_fault, remade
from srcnn.experiment import Experiment
from srcnn.files import PictureError, read_picture
from srcnn.outputs import Output, Shelf
from srcnn.paths import StudyPaths, view_folder
from srcnn.protocols import Comparison
from srcnn.rendered import picture_file
from srcnn.shards import has_rows
from srcnn.views import Bytes, measured_luma, reference, rendered_views
from srcnn.words import counted


@dataclass(frozen=True)
class Evaluate(Job):
    """Score one block of pictures of one run, at every kept epoch."""

    paths: StudyPaths
    run_id: str
    eval_id: str
    experiment: Experiment
    sets: tuple[SetRef, ...]
    block: int

    @classmethod
    def of(cls, run: PlannedRun) -> Iterator[tuple[str, Self]]:
        """The blocks of a run whose pictures are scored."""
        for block in range(run.experiment.evaluate.shards if run.sets else 0):
            job = cls(run.study, run.run_id, run.eval_id, run.experiment, run.sets, block)
            yield f"{run.run_id}.{block}", job

    def outputs(self) -> tuple[Output, ...]:
        """The shard of every kept epoch."""
        place = self.paths.each_shard(self.run_id, self.eval_id, self.block, self.experiment.evaluate.shards)
        return (Output("shard", place, tuple(self.experiment.kept_epochs)),)

    def missing_epochs(self) -> list[int]:
        """Kept epochs without a shard."""
        (shards,) = self.outputs()
        return list(Shelf().lacking(shards))

    def shard(self, epoch: int) -> Path:
        """The Parquet file of one epoch of this block."""
        return self.paths.shard(self.run_id, self.eval_id, epoch, self.block, self.experiment.evaluate.shards)

    def pictures(self) -> list[tuple[SetRef, Picture]]:
        """The pictures of the block, with their sets."""
        return [
            (each, picture)
            for each in self.sets
            for picture in block_of(
                load_set(self.paths.root, each.set_id).pictures, self.block, self.experiment.evaluate.shards
            )
        ]

    def stale(self, needed: Lost) -> Iterator[Stale]:
        """The scores of lost pictures."""
        for epoch in sorted(needed):
            if has_rows(self.shard(epoch)):
                block, gone = {(each.name, picture.name) for each, picture in self.pictures()}, needed[epoch]
                lost = block if gone is None else block & set(gone)
                if lost:
                    take = partial(self.take_scores, epoch, None if lost == block else lost)
                    yield Stale(self.shard(epoch), take)

    def to_read(self) -> Iterator[Path]:
        """The restored pictures that are there for the scores that are missing."""
        pictures = self.pictures() if (epochs := self.missing_epochs()) else []
        views = [view for views in rendered_views(self.experiment.evaluate).values() for view in views]
        for epoch in epochs:
            for each in self.sets:
                base = self.paths.run(self.run_id).rendered_epoch(each.group, epoch)
                names = [picture.name for own, picture in pictures if own == each]
                for view in views:
                    yield from present_files(view_folder(base, each.name, view), names)

    def take_scores(self, epoch: int, lost: Collection[tuple[str, str]] | None, aside: Aside) -> None:
        """Take away the scores of lost pictures, by set and name, at one epoch (None: of all)."""
        take_rows(self.shard(epoch), lost, set_ids(self.sets), self.experiment.evaluate, aside)

    def __call__(self, progress: Progress = silent) -> None:
        """Score the epochs that are missing; each shard is written when its last picture is done.

        Raises ScoringError at the end, when all else is written, for pictures that could not be scored.
        """
        epochs, pictures = self.missing_epochs(), self.pictures()
        evaluate = self.experiment.evaluate
        for epoch in epochs:
            recover(self.shard(epoch), set_ids(self.sets), evaluate)
        calls = [(Evaluate.score_picture, self, epoch, *which) for epoch in epochs for which in pictures]
        results = in_parallel(rows_or_reason, calls, evaluate.workers, evaluate)
        reasons = []
        progress(0, len(calls), "")
        for number, epoch in enumerate(epochs):

            def tell(position: int, rows: int, before: int = number * len(pictures), epoch: int = epoch) -> None:
                progress(before + position, len(calls), f"epoch {epoch}, {counted(rows, 'comparison')}")

            names = [f"epoch {epoch}, {each.name}/{picture.name}" for each, picture in pictures]
            found = zip(names, results, strict=False)
            reasons += fill_shard(self.shard(epoch), found, set_ids(self.sets), evaluate, tell)
        if reasons:
            raise ScoringError(reasons)

    def score_picture(self, epoch: int, each: SetRef, picture: Picture) -> list[Row]:
        """Rows of one picture at one epoch."""
        rendered = self.paths.run(self.run_id).rendered_epoch(each.group, epoch)
        original = picture.read()
        comparisons = chain(
            compare_full_size(self.experiment, original, rendered, each.name, picture),
            self._compare_zoomed(original, rendered, each.name, picture.name),
        )
        subject = ScoredPicture(each.name, picture.name, "srcnn", self.run_id, epoch)
        earlier = EarlierScores(self.paths.scores(self.run_id), set_ids(self.sets), self.eval_id)
        known = earlier.known(epoch, each.name, picture.name)
        return list(score_comparisons(subject, comparisons, self.experiment.evaluate, known))

    def _compare_zoomed(self, original: Bytes, rendered: Path, set_name: str, image: str) -> Iterator[Comparison]:
        evaluate = self.experiment.evaluate
        for zoom in evaluate.used_zooms:
            small = read_view(rendered, set_name, f"zoom_{zoom}", image)
            full = reference(original, self.experiment.data, zoom)
            yield from protocols.compound(full, small, evaluate.crops, zoom, evaluate.upsamplers)


def set_ids(sets: Iterable[SetRef]) -> dict[str, str]:
    """The content id of each set, by name."""
    return {each.name: each.set_id for each in sets}


def read_view(base: Path, set_name: str, view: str, image: str) -> Bytes:
    """One rendered picture; ``base`` is an epoch's folder of a run, or a baseline's folder.

    Raises PictureError, and DamagedFile where the stage before will make it again.
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
    """The comparisons of ``whole``, ``region`` and ``luma`` for one picture rendered below ``base``."""
    evaluate, data = experiment.evaluate, experiment.data
    hr, restored = reference(original, data), read_view(base, set_name, "full", picture.name)
    if "whole" in evaluate.protocols:
        yield from protocols.whole(restored, evaluate.crops, evaluate.upsamplers)
    if "region" in evaluate.protocols:
        yield from protocols.region(hr, restored, evaluate.crops)
    if "luma" in evaluate.protocols:
        luma = read_view(base, set_name, "luma", picture.name)[..., 0]
        yield from protocols.luma(measured_luma(hr, picture.grey), luma, data.scale)
