"""Stage ``prepare``: training patches cut from photographs, once per data_id."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from jobs.claim import build_once
from jobs.job import Job, Progress, silent
from jobs.pictures import load_set
from jobs.planned import PlannedRun
from srcnn.cutting import plane_shape
from srcnn.experiment import DataConfig
from srcnn.identity import data_id
from srcnn.outputs import Output
from srcnn.paths import RootPaths


@dataclass(frozen=True)
class Prepare(Job):
    """The training data, in one HDF5 file; runs share it whose data section and kind of network are the same."""

    root: RootPaths
    data: DataConfig
    train_set: str
    input_scale: int = 1

    @classmethod
    def of(cls, run: PlannedRun) -> Iterator[tuple[str, Self]]:
        """Give the patches of a run that is trained."""
        if run.data_id:
            yield run.data_id, cls(run.study.root, run.experiment.data, run.train_set, run.input_scale)

    @property
    def name(self) -> str:
        """The data_id."""
        return data_id(self.data, self.train_set, self.input_scale)

    def outputs(self) -> tuple[Output, ...]:
        """Return the file of patches."""
        return (Output("file", self.root.patches(self.name)),)

    def bytes_to_write(self) -> tuple[str, int]:
        """Return the size of the planes of all pictures."""
        pixels = sum(height * width for height, width in self.shapes())
        size = 4 if self.data.dtype == "float32" else 1
        return "training planes", pixels * (1 + self.input_scale**2) * size

    def shapes(self) -> list[tuple[int, int]]:
        """Return the shape of each picture's input plane."""
        pictures = load_set(self.root, self.train_set).pictures
        return [plane_shape(picture.height, picture.width, self.data, self.input_scale) for picture in pictures]

    def __call__(self, progress: Progress = silent) -> None:
        """Build the file, or wait for the job that is building it."""
        from jobs.cutting import cut_set  # h5py and scipy, which a plan does without

        file = self.root.patches(self.name)
        build_once(file, lambda: cut_set(self, progress), lambda note: progress(0, 1, note))
