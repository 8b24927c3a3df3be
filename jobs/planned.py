"""A run whose pictures were looked at: what the jobs of its stages are made from."""

from dataclasses import dataclass

from jobs.pictures import SetRef
from srcnn.experiment import Experiment
from srcnn.paths import RunPaths, StudyPaths


@dataclass(frozen=True)
class PlannedRun:
    """A run with its ids and sets.

    ``variant`` is the label without the seed: runs of one variant differ by nothing else. ``data_id`` is that of the
    training patches; None where weights are used as they are. ``weights`` is the SHA-256 of
    the file that its network starts from, if there is one. ``input_scale`` is
    the network's: 1 if it is fed the interpolated picture, else the study's; ``weight_count`` is how many numbers it
    learns, ``multiplications`` how often it multiplies for each pixel of a restored picture.
    """

    study: StudyPaths
    label: str
    variant: str
    experiment: Experiment
    run_id: str
    eval_id: str
    degradation_id: str
    data_id: str | None
    train_set: str
    sets: tuple[SetRef, ...]
    weights: str | None = None
    input_scale: int = 1
    weight_count: int = 0
    multiplications: int = 0

    @property
    def paths(self) -> RunPaths:
        """The paths of the run."""
        return self.study.run(self.run_id)
