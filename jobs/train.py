"""Stage ``train``: one network trained on patches, its checkpoints and history."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from jobs.job import Job, Lost, Progress, silent
from jobs.pictures import set_ids
from jobs.planned import PlannedRun
from jobs.sizes import checkpoint_bytes
from srcnn.experiment import Experiment
from srcnn.outputs import Output
from srcnn.paths import RootPaths, RunPaths


@dataclass(frozen=True)
class Train(Job):
    """The training of one run. ``monitor_sets`` maps the names of sets that are scored after every epoch to their ids.

    ``weights`` is the SHA-256 of the file that training starts from, as it was when the run got its id.
    """

    root: RootPaths
    paths: RunPaths
    experiment: Experiment
    train_set: str
    monitor_sets: dict[str, str]
    weights: str | None = None
    input_scale: int = 1
    weight_count: int = 0

    @classmethod
    def of(cls, run: PlannedRun) -> Iterator[tuple[str, Self]]:
        """Give the training of a run; it watches the run's ``eval`` sets, or all sets if there are none."""
        watched = [set_ref for set_ref in run.sets if set_ref.group == "eval"] or run.sets
        sets = set_ids(watched)
        numbers = run.input_scale, run.weight_count
        yield run.run_id, cls(run.study.root, run.paths, run.experiment, run.train_set, sets, run.weights, *numbers)

    def checkpoints(self) -> list[Path]:
        """Return the files of the states that are there at the end."""
        kept = [self.paths.checkpoint(epoch) for epoch in self.experiment.kept_epochs]
        return [*kept, self.paths.last, *([self.paths.best] if self.experiment.keep.best else [])]

    def outputs(self) -> tuple[Output, ...]:
        """Return every kept checkpoint, the last state, the best one if it is kept, the complete history."""
        kept = Output("file", self.paths.each_checkpoint, tuple(self.experiment.kept_epochs))
        states = [Output("file", self.paths.last)]
        if self.experiment.keep.best:
            states.append(Output("file", self.paths.best))
        if self.experiment.training.epochs:
            states.append(Output("history", self.paths.history, (self.experiment.training.epochs,)))
        return kept, *states

    def bytes_to_write(self) -> tuple[str, int]:
        """Return the size of the checkpoints that are not there, and of the states that are kept beside them."""
        missing, watched = self.missing_epochs(), len(self.monitor_sets)
        return "checkpoints", checkpoint_bytes(self.experiment, self.weight_count, missing, watched)

    def lost(self, needed: Lost) -> Lost:
        """Return the kept epochs without a checkpoint."""
        return dict.fromkeys(self.missing_epochs())

    def missing_epochs(self) -> list[int]:
        """Return the kept epochs without a checkpoint."""
        return [epoch for epoch in self.experiment.kept_epochs if not self.paths.checkpoint(epoch).exists()]

    def __call__(self, progress: Progress = silent) -> None:
        """Train from the last checkpoint on, and make lost ones again."""
        from jobs.training import train  # torch, which a plan does without

        if not self.is_done():
            train(self, progress)
