"""Stage ``prepare``: training patches cut from photographs, once per data_id."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from jobs.claim import build_once
from jobs.job import Job, Progress, silent
from jobs.pictures import load_set
from jobs.planned import PlannedRun
from srcnn.experiment import DataConfig
from srcnn.identity import data_id
from srcnn.outputs import Output
from srcnn.paths import RootPaths


@dataclass(frozen=True)
class Prepare(Job):
    """The training patches, in one HDF5 file that all runs with the same data section share."""

    root: RootPaths
    data: DataConfig
    train_set: str

    @classmethod
    def of(cls, run: PlannedRun) -> Iterator[tuple[str, Self]]:
        """Give the patches of a run that is trained."""
        if run.data_id:
            yield run.data_id, cls(run.study.root, run.experiment.data, run.train_set)

    @property
    def name(self) -> str:
        """The data_id."""
        return data_id(self.data, self.train_set)

    def outputs(self) -> tuple[Output, ...]:
        """Return the file of patches."""
        return (Output("file", self.root.patches(self.name)),)

    def bytes_to_write(self) -> tuple[str, int]:
        """Return the size of the inputs and targets of all patches."""
        side, size = self.data.patch_size, 4 if self.data.dtype == "float32" else 1
        steps = (
            [max(0, (length - side) // self.data.stride + 1) for length in (picture.height, picture.width)]
            for picture in load_set(self.root, self.train_set).pictures
        )
        return "training patches", sum(down * across for down, across in steps) * 2 * side**2 * size

    def __call__(self, progress: Progress = silent) -> None:
        """Build the file, or wait for the job that is building it."""
        from jobs.cutting import cut_set  # h5py and scipy, which a plan does without

        file = self.root.patches(self.name)
        build_once(file, lambda: cut_set(self, progress), lambda note: progress(0, 1, note))
