"""Stage ``evaluate``: scores of the restored pictures, computed on all cores and without torch.

Also a command that scores any two folders of pictures: ``python -m jobs.evaluate --help``.
"""

if __name__ == "__main__":  # before the imports below, so that --help answers at once
    import sys

    from jobs.compare_folders import main

    sys.exit(main())

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from jobs.folders import present_files
from jobs.job import Job, Lost, Progress, Stale, silent
from jobs.lost_scores import take_scores
from jobs.pictures import Picture, SetRef, load_set
from jobs.planned import PlannedRun
from srcnn.experiment import Experiment
from srcnn.outputs import Output, Shelf
from srcnn.paths import StudyPaths, view_folder
from srcnn.rendered import rendered_views
from srcnn.shards import has_rows


@dataclass(frozen=True)
class Evaluate(Job):
    """The scores of one block of a run's pictures, at every kept epoch."""

    paths: StudyPaths
    run_id: str
    eval_id: str
    experiment: Experiment
    sets: tuple[SetRef, ...]
    block: int

    @classmethod
    def of(cls, run: PlannedRun) -> Iterator[tuple[str, Self]]:
        """Give the blocks of a run whose pictures are scored."""
        for block in range(run.experiment.evaluate.shards if run.sets else 0):
            job = cls(run.study, run.run_id, run.eval_id, run.experiment, run.sets, block)
            yield f"{run.run_id}.{block}", job

    def outputs(self) -> tuple[Output, ...]:
        """Return the shard of every kept epoch."""
        place = self.paths.each_shard(self.run_id, self.eval_id, self.block, self.experiment.evaluate.shards)
        return (Output("shard", place, tuple(self.experiment.kept_epochs)),)

    def missing_epochs(self) -> list[int]:
        """Return the kept epochs without a shard."""
        (shards,) = self.outputs()
        return list(Shelf().lacking(shards))

    def shard(self, epoch: int) -> Path:
        """Return the Parquet file of one epoch of this block."""
        return self.paths.shard(self.run_id, self.eval_id, epoch, self.block, self.experiment.evaluate.shards)

    def pictures(self) -> list[tuple[SetRef, Picture]]:
        """Return the pictures of the block, with their sets: every shards-th, so that blocks are alike."""
        shards = self.experiment.evaluate.shards
        return [
            (set_ref, picture)
            for set_ref in self.sets
            for picture in load_set(self.paths.root, set_ref.set_id).pictures[self.block :: shards]
        ]

    def stale(self, needed: Lost) -> Iterator[Stale]:
        """Give the shards that hold scores of lost pictures."""
        for epoch in sorted(needed):
            shard, gone = self.shard(epoch), needed[epoch]
            if has_rows(shard):
                block = {(set_ref.name, picture.name) for set_ref, picture in self.pictures()}
                lost = block if gone is None else block & set(gone)
                if lost:
                    of_these = None if lost == block else lost
                    yield Stale(shard, partial(take_scores, shard, of_these, self.sets, self.experiment.evaluate))

    def to_read(self) -> Iterator[Path]:
        """Give the restored pictures that are there and whose scores are missing, where those need the files."""
        if not self.experiment.render.keeps_all:
            return
        pictures = self.pictures() if (epochs := self.missing_epochs()) else []
        views = [view for views in rendered_views(self.experiment.evaluate).values() for view in views]
        for epoch in epochs:
            for set_ref in self.sets:
                base = self.paths.run(self.run_id).rendered_epoch(set_ref.group, epoch)
                names = [picture.name for own, picture in pictures if own == set_ref]
                for view in views:
                    yield from present_files(view_folder(base, set_ref.name, view), names)

    def __call__(self, progress: Progress = silent) -> None:
        """Score the epochs that are missing; each shard is written when its last picture is done."""
        from jobs.evaluating import evaluate  # pyarrow, which a plan does without

        evaluate(self, progress)
