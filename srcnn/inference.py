"""A trained network applied to luma of any size."""

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from srcnn.deprocess import Standardisation

if TYPE_CHECKING:
    from srcnn.models.srcnn import SRCNN


# Feature maps of a strip this large take about half a gigabyte in the widest layer of 9-5-5.
STRIP_PIXELS = 2_000_000


def restore_luma(
    model: "SRCNN", luma: NDArray[np.generic], standardisation: Standardisation, strip_pixels: int = STRIP_PIXELS
) -> NDArray[np.float64]:
    """Restored luma (H, W) in 0..255, unrounded, of interpolated luma (H, W) in 0..255.

    The border that valid convolutions would lose is added first by repeating the edge; padding
    with zeros instead costs 4 dB on a network trained without padding. Large pictures go through
    in strips that overlap by the border, so memory stays bounded and no seam can show.
    """
    device = next(model.parameters()).device
    border, (height, width) = model.border, luma.shape
    padded = np.pad(standardisation.apply(luma), border, mode="edge")
    rows = max(1, strip_pixels // width)
    restored = np.empty((height, width))
    with torch.inference_mode():
        for top in range(0, height, rows):
            strip = torch.from_numpy(padded[top : min(top + rows, height) + 2 * border])
            restored[top : top + rows] = standardisation.undo(model(strip[None, None].to(device))[0, 0].cpu().numpy())
    return restored
