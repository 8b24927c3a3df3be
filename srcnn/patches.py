"""Cutting pictures: the evaluation's grid of crops, and training patches."""

from typing import NamedTuple, TypeVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Pixel = TypeVar("Pixel", bound=np.generic)


class Box(NamedTuple):
    """A rectangle of pixels: left and top edge, width and height."""

    x: int
    y: int
    width: int
    height: int

    def cut(self, image: NDArray[Pixel]) -> NDArray[Pixel]:
        """Return a view of this rectangle in a picture (H, W[, C])."""
        return image[self.y : self.y + self.height, self.x : self.x + self.width]


def crop_grid(height: int, width: int, crop_height: int, crop_width: int) -> list[Box]:
    """Return the boxes of the crops that fit whole, down the first column, then the next; empty if none fits.

    The stride is the crop size and left-over pixels at the right and bottom are dropped.
    """
    return [
        Box(x, y, crop_width, crop_height)
        for x in range(0, width - crop_width + 1, crop_width)
        for y in range(0, height - crop_height + 1, crop_height)
    ]


def get_image_crops(image: NDArray[Pixel], crop_height: int, crop_width: int) -> list[NDArray[Pixel]]:
    """Return the crops of ``crop_grid`` of a picture (H, W[, C]) as views, in its order."""
    return [box.cut(image) for box in crop_grid(image.shape[0], image.shape[1], crop_height, crop_width)]


def extract_patches(image: NDArray[np.generic], patch_size: int, stride: int) -> NDArray[np.generic]:
    """Return patches (rows, columns, patch_size, patch_size) of one band (H, W) as a view; empty if it is too small."""
    if min(image.shape) < patch_size:
        return np.empty((0, 0, patch_size, patch_size), image.dtype)
    return sliding_window_view(image, (patch_size, patch_size))[::stride, ::stride]
