"""A trained network applied to luma of any size."""

import numpy as np
import torch
from numpy.typing import NDArray

from srcnn.deprocess import Standardisation
from srcnn.models.srcnn import SRCNN
from srcnn.precision import products_in

# Feature maps of a strip this large take about half a gigabyte in the widest layer.
STRIP_PIXELS = 2_000_000


def restore_luma(
    model: SRCNN, luma: NDArray[np.generic], standardisation: Standardisation, strip_pixels: int = STRIP_PIXELS
) -> NDArray[np.float64]:
    """Return restored luma (H, W) in 0..255, float64 and unrounded, of interpolated luma (H, W) in 0..255.

    The border that valid convolutions would lose is added first by repeating the edge; padding
    with zeros instead costs 4 dB on a network trained without padding. Large pictures go through
    in strips or tiles that overlap by the border, so memory stays bounded and no seam can show.

    Raises FloatingPointError where the network gives nan or infinity, which would become arbitrary pixels.
    """
    device = next(model.parameters()).device
    border, (height, width) = model.border, luma.shape
    padded = np.pad(standardisation.apply(luma), border, mode="edge")
    rows, columns = tile_shape(height, width, strip_pixels)
    restored = np.empty((height, width))
    with torch.inference_mode(), products_in("float32"):
        for top in range(0, height, rows):
            for left in range(0, width, columns):
                bottom, right = min(top + rows, height), min(left + columns, width)
                tile = np.ascontiguousarray(padded[top : bottom + 2 * border, left : right + 2 * border])
                values = model(torch.from_numpy(tile)[None, None].to(device))[0, 0].cpu().numpy()
                restored[top:bottom, left:right] = standardisation.undo(values)
    if not np.isfinite(restored).all():
        raise FloatingPointError("the network gives nan or infinity for this picture; its weights are of no use")
    return restored


def tile_shape(height: int, width: int, tile_pixels: int) -> tuple[int, int]:
    """Return the rows and columns of a tile: whole rows where they fit, so that few borders are computed twice."""
    columns = min(width, max(1, tile_pixels))
    if width > tile_pixels // 64:  # strips thinner than 64 rows would be mostly border
        columns = min(width, max(1, round(tile_pixels**0.5)))
    return min(height, max(1, tile_pixels // columns)), columns
