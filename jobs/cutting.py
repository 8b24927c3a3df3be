"""The work of stage ``prepare``: pictures brought to planes, over all cores, and where patches are cut from them."""

from collections.abc import Iterator

from jobs.job import Progress
from jobs.parallel import spread
from jobs.pictures import Picture, load_set
from jobs.prepare import Prepare
from srcnn.dataset import PicturePlanes, cut_planes, held_out_pictures, write_planes


def cut_set(stage: Prepare, progress: Progress) -> None:
    """Write the file of a training set."""
    pictures = load_set(stage.root, stage.train_set).pictures
    groups = [picture.group for picture in pictures]
    whole = held_out_pictures(groups, stage.data.holdout, stage.data.holdout_seed)
    sides = [index in whole if whole else None for index in range(len(pictures))]
    cut = spread(_cut, [(picture, stage, side) for picture, side in zip(pictures, sides, strict=True)], None)

    progress(0, len(pictures), "pictures")

    def counted() -> Iterator[PicturePlanes]:
        for number, planes in enumerate(cut, 1):
            progress(number, len(pictures), "pictures")
            yield planes

    sources = [{"name": picture.name, "digest": picture.digest} for picture in pictures]
    file = stage.root.patches(stage.name)
    count = write_planes(file, counted(), stage.shapes(), stage.data, stage.input_scale, sources)
    progress(len(pictures), len(pictures), f"{count} patches")


def _cut(picture: Picture, stage: Prepare, held_out: bool | None) -> PicturePlanes:
    return cut_planes(picture.read(), stage.data, stage.input_scale, held_out, picture.grey)
