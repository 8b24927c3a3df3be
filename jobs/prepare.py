"""Stage ``prepare``: photographs to training patches, once per data_id."""

from collections.abc import Iterator
from dataclasses import dataclass

from jobs.claim import build_once
from jobs.parallel import spread
from jobs.pictures import Picture, load_set
from jobs.stage import Progress, silent
from srcnn.dataset import Patches, cut_patches, held_out_pictures, write_patches
from srcnn.experiment import DataConfig, data_id
from srcnn.paths import RootPaths


@dataclass(frozen=True)
class Prepare:
    """Cut the training set into one HDF5 file that all runs with the same data section share."""

    root: RootPaths
    data: DataConfig
    train_set: str

    @property
    def name(self) -> str:
        """The data_id."""
        return data_id(self.data, self.train_set)

    def is_done(self) -> bool:
        """Whether the file is there."""
        return self.root.patches(self.name).exists()

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
