"""PROTOCOLS: the pairs of pictures that are compared, made of arrays.

Pictures are uint8 (H, W, 3), luma is uint8 (H, W). Crops are (height, width) in full-size pixels,
in the order of ``crop_grid``. docs/explanation/protocols.md says what each
measures.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srcnn.patches import Box, crop_grid, get_image_crops
from srcnn.upsample import upsample_images

Bytes = NDArray[np.uint8]
Crops = Iterable[tuple[int, int]]

PROTOCOLS = {
    "whole": "a crop enlarged to its whole picture, against that picture (the report's own)",
    "region": "a region of the restored picture against the same region of the original",
    "compound": "a region restored at 1/zoom size and enlarged, against the original's region",
    "luma": "the restored luma against the original's, borders shaved: the literature's number",
}


@dataclass(frozen=True)
class Comparison:
    """A pair to be scored; ``box`` is the patch in the reference picture's pixels.

    ``estimate`` makes the picture when it is called, so that a pair whose scores are known costs nothing.
    Comparisons with one reference follow each other and hold the very same array, so that what the
    metrics know of it can be kept.
    """

    protocol: str
    box: Box
    reference: Bytes
    estimate: Callable[[], Bytes]
    upsampler: str | None = None
    zoom: int = 1


@dataclass(frozen=True)
class Compared:
    """Pictures, and how they are compared: ``way`` is a name in WAYS, here and in ``srcnn.protocol_batches``.

    Its function is given the pictures, then the settings.
    """

    way: str
    pictures: tuple[Bytes, ...]
    settings: tuple[Any, ...]

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shapes of the pictures."""
        return tuple(picture.shape for picture in self.pictures)

    def comparisons(self) -> Iterator[Comparison]:
        """Give the pairs. Raises ValueError where the pictures' sizes do not fit."""
        yield from WAYS[self.way](*self.pictures, *self.settings)


def whole(restored: Bytes, crops: Crops, upsamplers: Iterable[str]) -> Iterator[Comparison]:
    """Give each crop of a picture, enlarged to the picture's size, against the whole picture."""
    height, width = restored.shape[:2]
    for crop in crops:
        for box, part in zip(_grid(restored, crop), get_image_crops(restored, *crop), strict=True):
            for upsampler in upsamplers:
                estimate = partial(_enlarged, part, height, width, upsampler)
                yield Comparison("whole", box, restored, estimate, upsampler)


def region(original: Bytes, restored: Bytes, crops: Crops) -> Iterator[Comparison]:
    """Give each region of the restored picture against the same region of the original.

    Raises ValueError if the sizes differ.
    """
    _same_size(original, restored)
    for crop in crops:
        for box in _grid(original, crop):
            yield Comparison("region", box, box.cut(original), partial(box.cut, restored))


def compound(
    original: Bytes, restored: Bytes, crops: Crops, zoom: int, upsamplers: Iterable[str]
) -> Iterator[Comparison]:
    """Give each region of a picture restored at 1/zoom size, enlarged, against the original's region.

    ``original`` is cut to a multiple of ``zoom`` at the right and bottom. Raises ValueError if
    ``restored`` is not exactly that size over ``zoom``.
    """
    original = original[: original.shape[0] // zoom * zoom, : original.shape[1] // zoom * zoom]
    _same_size(original[::zoom, ::zoom], restored)
    for crop in crops:
        for box in _grid(original, crop):
            reference = box.cut(original)
            small = Box(*(side // zoom for side in box)).cut(restored)
            for upsampler in upsamplers:
                estimate = partial(_enlarged, small, box.height, box.width, upsampler)
                yield Comparison("compound", box, reference, estimate, upsampler, zoom)


def direct(original: Bytes, lr: Bytes, crops: Crops, zoom: int, upsamplers: Iterable[str]) -> Iterator[Comparison]:
    """Give the baseline of ``compound``: the low-resolution pixels enlarged straight to the full size."""
    original = original[: original.shape[0] // zoom * zoom, : original.shape[1] // zoom * zoom]
    height, width = original.shape[:2]
    enlarged = {name: cache(partial(_enlarged, lr, height, width, name)) for name in upsamplers}
    for crop in crops:
        for box in _grid(original, crop):
            reference = box.cut(original)
            for upsampler in enlarged:
                estimate = partial(_cut, box, enlarged[upsampler])
                yield Comparison("compound", box, reference, estimate, upsampler, zoom)


def luma(original: Bytes, restored: Bytes, shave: int) -> Iterator[Comparison]:
    """Give the whole restored luma against the original's, without ``shave`` pixels at each border.

    A picture that is too small to be shaved gives nothing. Raises ValueError if the sizes differ.
    """
    _same_size(original, restored)
    height, width = original.shape
    box = Box(shave, shave, width - 2 * shave, height - 2 * shave)
    if box.width > 0 and box.height > 0:
        yield Comparison("luma", box, box.cut(original), partial(box.cut, restored))


# What makes comparisons of pictures; ``direct`` is the protocol ``compound`` of pictures that no network restored.
WAYS: dict[str, Callable[..., Iterator[Comparison]]] = {
    "whole": whole,
    "region": region,
    "compound": compound,
    "direct": direct,
    "luma": luma,
}


def _grid(picture: Bytes, crop: tuple[int, int]) -> list[Box]:
    return crop_grid(picture.shape[0], picture.shape[1], *crop)


def _enlarged(image: Bytes, height: int, width: int, upsampler: str) -> Bytes:
    (enlarged,) = upsample_images([np.ascontiguousarray(image)], height, width, upsampler)
    return enlarged


def _cut(box: Box, picture: Callable[[], Bytes]) -> Bytes:
    return box.cut(picture())


def _same_size(original: Bytes, restored: Bytes) -> None:
    if original.shape != restored.shape:
        raise ValueError(f"the original is {original.shape} but the restored picture is {restored.shape}")
