"""The pairs of ``srcnn.protocols`` as batches of equal shape, cut and enlarged by torch where the pictures lie.

Pictures are uint8 (N, H, W, 3), luma is uint8 (N, H, W), all of one size and on one device: each crosses to the device
once. A crop is (height, width) in full-size pixels.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from torch import Tensor

from srcnn.patches import Box, crop_grid
from srcnn.upsample_batches import enlarge

Crops = Iterable[tuple[int, int]]


@dataclass(frozen=True)
class Batch:
    """Pairs to be scored: estimates, and of which reference each is (None: one after the other).

    They are those of the first picture, then the next; ``boxes`` are the patches of each picture, in the order of
    ``crop_grid``, in the reference picture's pixels. ``estimates`` makes some of them when it is called, so that more
    than there is memory for at once can be made part by part.
    """

    protocol: str
    boxes: tuple[Box, ...]
    references: Tensor
    estimates: Callable[[slice], Tensor]
    of: tuple[int, ...] | None = None
    upsampler: str | None = None
    zoom: int = 1

    def __len__(self) -> int:
        return len(self.references if self.of is None else self.of)


def cut_grid(pictures: Tensor, crop_height: int, crop_width: int) -> Tensor:
    """Return the crops of ``crop_grid`` of pictures (N, H, W[, C]), (N * crops, crop_height, crop_width[, C])."""
    number, height, width, *bands = pictures.shape
    rows, columns = height // crop_height, width // crop_width
    whole = pictures[:, : rows * crop_height, : columns * crop_width]
    tiles = whole.reshape(number, rows, crop_height, columns, crop_width, *bands)
    return tiles.movedim(3, 1).flatten(0, 2)


def whole(restored: Tensor, crops: Crops, upsamplers: Iterable[str]) -> Iterator[Batch]:
    """Give each crop of a picture, enlarged to the picture's size, against the whole picture."""
    number, height, width = restored.shape[:3]
    names = list(upsamplers)
    for crop in crops:
        if boxes := _grid(restored, crop):
            parts = cut_grid(restored, *crop)
            of = tuple(picture for picture in range(number) for _ in boxes)
            for upsampler in names:
                yield Batch("whole", boxes, restored, _enlarged(parts, height, width, upsampler), of, upsampler)


def region(original: Tensor, restored: Tensor, crops: Crops) -> Iterator[Batch]:
    """Give each region of the restored pictures against the same region of the originals.

    Raises ValueError if the sizes differ.
    """
    _same_size(original, restored)
    for crop in crops:
        if boxes := _grid(original, crop):
            yield Batch("region", boxes, cut_grid(original, *crop), cut_grid(restored, *crop).__getitem__)


def compound(original: Tensor, restored: Tensor, crops: Crops, zoom: int, upsamplers: Iterable[str]) -> Iterator[Batch]:
    """Give each region of pictures restored at 1/zoom size, enlarged, against the originals' region.

    ``original`` is cut to a multiple of ``zoom`` at the right and bottom. Raises ValueError if ``restored`` is not
    exactly that size over ``zoom``, or a crop no multiple of ``zoom``.
    """
    original = original[:, : original.shape[1] // zoom * zoom, : original.shape[2] // zoom * zoom]
    _same_size(original[:, ::zoom, ::zoom], restored)
    names = list(upsamplers)
    for crop in crops:
        if boxes := _grid(original, crop):
            if crop[0] % zoom or crop[1] % zoom:
                raise ValueError(f"a crop of {crop[0]}x{crop[1]} pixels cannot be cut from pictures of 1/{zoom} size")
            references = cut_grid(original, *crop)
            small = cut_grid(restored, crop[0] // zoom, crop[1] // zoom)
            for upsampler in names:
                yield Batch("compound", boxes, references, _enlarged(small, *crop, upsampler), None, upsampler, zoom)


def direct(original: Tensor, lr: Tensor, crops: Crops, zoom: int, upsamplers: Iterable[str]) -> Iterator[Batch]:
    """Give the baseline of ``compound``: the low-resolution pixels enlarged straight to the full size."""
    original = original[:, : original.shape[1] // zoom * zoom, : original.shape[2] // zoom * zoom]
    height, width = original.shape[1:3]
    enlarged = {upsampler: enlarge(lr, height, width, upsampler) for upsampler in upsamplers}
    for crop in crops:
        if boxes := _grid(original, crop):
            references = cut_grid(original, *crop)
            for upsampler, pictures in enlarged.items():
                estimates = cut_grid(pictures, *crop).__getitem__
                yield Batch("compound", boxes, references, estimates, None, upsampler, zoom)


def luma(original: Tensor, restored: Tensor, shave: int) -> Iterator[Batch]:
    """Give the whole restored luma against the originals', without ``shave`` pixels at each border.

    Pictures that are too small to be shaved give nothing. Raises ValueError if the sizes differ.
    """
    _same_size(original, restored)
    height, width = original.shape[1:3]
    box = Box(shave, shave, width - 2 * shave, height - 2 * shave)
    if box.width > 0 and box.height > 0:
        inside = (slice(None), slice(shave, height - shave), slice(shave, width - shave))
        yield Batch("luma", (box,), original[inside], restored[inside].__getitem__)


WAYS: dict[str, Callable[..., Iterator[Batch]]] = {
    "whole": whole,
    "region": region,
    "compound": compound,
    "direct": direct,
    "luma": luma,
}


def _enlarged(pictures: Tensor, height: int, width: int, upsampler: str) -> Callable[[slice], Tensor]:
    return lambda part: enlarge(pictures[part], height, width, upsampler)


def _grid(pictures: Tensor, crop: tuple[int, int]) -> tuple[Box, ...]:
    return tuple(crop_grid(pictures.shape[1], pictures.shape[2], *crop))


def _same_size(original: Tensor, restored: Tensor) -> None:
    if original.shape != restored.shape:
        raise ValueError(
            f"the originals are {tuple(original.shape)} but the restored pictures are {tuple(restored.shape)}"
        )
