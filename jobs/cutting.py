"""The work of stage ``prepare``: training patches cut from pictures, over all cores."""

from collections.abc import Iterator

from jobs.job import Progress
from jobs.parallel import spread
from jobs.pictures import Picture, load_set
from jobs.prepare import Prepare
from srcnn.dataset import Patches, cut_patches, held_out_pictures, write_patches
from srcnn.experiment import DataConfig


def cut_set(stage: Prepare, progress: Progress) -> None:
    """Write the file of a training set's patches."""
    pictures = load_set(stage.root, stage.train_set).pictures
    whole = held_out_pictures(len(pictures), stage.data.holdout)
    sides = [index in whole if whole else None for index in range(len(pictures))]
    cut = spread(_cut, [(picture, stage.data, side) for picture, side in zip(pictures, sides, strict=True)], None)

    progress(0, len(pictures), "pictures")

    def counted() -> Iterator[tuple[Patches, ...]]:
        for number, patches in enumerate(cut, 1):
            progress(number, len(pictures), "pictures")
            yield patches

    sources = [{"name": picture.name, "digest": picture.digest} for picture in pictures]
    count = write_patches(stage.root.patches(stage.name), counted(), stage.data, sources)
    progress(len(pictures), len(pictures), f"{count} patches")


def _cut(picture: Picture, data: DataConfig, held_out: bool | None) -> tuple[Patches, ...]:
    return cut_patches(picture.read(), data, held_out, picture.grey)
