"""Stage ``prepare``: training patches cut from photographs, once per data_id."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from jobs.claim import build_once
from jobs.job import Job, Progress, silent
from jobs.parallel import spread
from jobs.pictures import Picture, load_set
from jobs.planned import PlannedRun
from srcnn.dataset import Patches, cut_patches, held_out_pictures, write_patches
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
        build_once(self.root.patches(self.name), lambda: self._build(progress), lambda note: progress(0, 1, note))

    def _build(self, progress: Progress) -> None:
        pictures = load_set(self.root, self.train_set).pictures
        whole = held_out_pictures(len(pictures), self.data.holdout)
        sides = [index in whole if whole else None for index in range(len(pictures))]
        calls = [(picture, self.data, side) for picture, side in zip(pictures, sides, strict=True)]
        cut = spread(_cut, calls, None)

        progress(0, len(pictures), "pictures")

        def counted() -> Iterator[tuple[Patches, ...]]:
            for number, patches in enumerate(cut, 1):
                progress(number, len(pictures), "pictures")
                yield patches

        sources = [{"name": picture.name, "digest": picture.digest} for picture in pictures]
        count = write_patches(self.root.patches(self.name), counted(), self.data, sources)
        progress(len(pictures), len(pictures), f"{count} patches")


def _cut(picture: Picture, data: DataConfig, held_out: bool | None) -> tuple[Patches, ...]:
    return cut_patches(picture.read(), data, held_out, picture.grey)
