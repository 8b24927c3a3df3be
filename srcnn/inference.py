"""Pictures of any size through a trained network, whatever that is fed."""

import math

import numpy as np
import torch
from numpy.typing import NDArray

from srcnn.deprocess import Standardisation
from srcnn.models.network import Network
from srcnn.precision import products_in
from srcnn.resize import resize
from srcnn.views import Degraded

# Feature maps of a tile this large take about half a gigabyte in the widest layer.
TILE_PIXELS = 2_000_000


def restore(model: Network, picture: Degraded, standardisation: Standardisation) -> NDArray[np.float64]:
    """Return the restored luma (H, W) in 0..255, unrounded, of a picture at its full size.

    A network fed low resolution enlarges by a whole number; where the size is no multiple, what it gives is resampled
    to the size, so that every pixel's centre stays in its place. Raises ValueError for a network of another scale,
    FloatingPointError where it gives no finite numbers.
    """
    if model.scale == 1:
        return restore_luma(model, picture.interpolated[..., 0], standardisation)
    height, width = picture.bands.shape[:2]
    if (picture.size[0] // model.scale, picture.size[1] // model.scale) != (height, width):
        raise ValueError(
            f"the network enlarges {model.scale} times, but {width}x{height} pixels are to become "
            f"{picture.size[1]}x{picture.size[0]}"
        )
    restored = restore_luma(model, picture.bands[..., 0], standardisation)
    return restored if restored.shape == picture.size else resize(restored, *picture.size)


def restore_luma(
    model: Network, luma: NDArray[np.generic], standardisation: Standardisation, tile_pixels: int = TILE_PIXELS
) -> NDArray[np.float64]:
    """Return restored luma (h * scale, w * scale) in 0..255, unrounded, of what the network is fed, (h, w) in 0..255.

    The border that valid convolutions would lose is added first by repeating the edge; padding with zeros instead
    costs 4 dB on a network trained without padding. Large pictures go through in strips or tiles that overlap by the
    network's ``reach``, so memory stays bounded and no seam can show.

    Raises FloatingPointError where the network gives no finite numbers: as pixels they would be any.
    """
    device = next(model.parameters()).device
    scale, (height, width) = model.scale, luma.shape
    added = math.ceil(model.border / scale)
    padded = np.pad(standardisation.apply(luma), added, mode="edge")
    rows, columns = tile_shape(height, width, tile_pixels // scale**2)
    restored = np.empty((height * scale, width * scale))
    with torch.inference_mode(), products_in("float32"):
        for top in range(0, height, rows):
            for left in range(0, width, columns):
                down, fed_down = _span(top, min(top + rows, height), padded.shape[0], added, model)
                across, fed_across = _span(left, min(left + columns, width), padded.shape[1], added, model)
                tile = np.ascontiguousarray(padded[fed_down, fed_across])
                values = model(torch.from_numpy(tile)[None, None].to(device))[0, 0, down, across].cpu().numpy()
                y, x = top * scale, left * scale
                restored[y : y + values.shape[0], x : x + values.shape[1]] = standardisation.undo(values)
    if not np.isfinite(restored).all():
        raise FloatingPointError("the network gives nan or infinity for this picture; its weights are of no use")
    return restored


def _span(first: int, last: int, length: int, added: int, model: Network) -> tuple[slice, slice]:
    """Return where in a tile's output the pixels ``first`` to ``last`` lie, and the pixels that the tile is fed.

    ``first`` and ``last`` count input pixels along a side, to which ``added`` were added at both ends: ``length`` in
    all.
    """
    around = max(added, model.reach)
    begin, end = max(0, first + added - around), min(length, last + added + around)
    start = (first + added - begin) * model.scale - model.border
    return slice(start, start + (last - first) * model.scale), slice(begin, end)


def tile_shape(height: int, width: int, tile_pixels: int) -> tuple[int, int]:
    """Return the rows and columns of the tiles: whole rows where they fit, so that few borders are computed twice."""
    columns = min(width, max(1, tile_pixels))
    if width > tile_pixels // 64:  # strips thinner than 64 rows would be mostly border
        columns = min(width, max(1, round(tile_pixels**0.5)))
    return min(height, max(1, tile_pixels // columns)), columns
