"""Luma to the network's scale and back, and restored luma with its chroma to RGB."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from srcnn.color import Standard, to_uint8, ycbcr_to_rgb

Floats = NDArray[np.float64]

# Close to the mean luma of natural photographs. Centred input trains 0.35 dB better than 0..1,
# and a fixed number folds into the first layer's bias.
CENTRE = 0.45


@dataclass(frozen=True)
class Standardisation:
    """The network's scale, (luma / 255 - mean) / std; every checkpoint holds it."""

    mean: float
    std: float

    def apply(self, luma: NDArray[np.generic]) -> NDArray[np.float32]:
        """Return luma in 0..255 on the network's scale, float32."""
        normalised = luma.astype(np.float32) / np.float32(255.0)
        return (normalised - np.float32(self.mean)) / np.float32(self.std)

    def undo(self, values: NDArray[np.floating]) -> Floats:
        """Return values on the network's scale as luma in 0..255, float64, unrounded and unclipped."""
        return (values.astype(np.float64) * self.std + self.mean) * 255.0


def standardisation(kind: str, mean: float, std: float) -> Standardisation:
    """Return the scale of a kind: ``centre`` (mean 0.45, std 1), ``none`` (0, 1) or ``dataset``.

    ``mean`` and ``std`` are those of the training patches, for the last.
    """
    known = {"centre": Standardisation(CENTRE, 1.0), "none": Standardisation(0.0, 1.0)}
    return known.get(kind) or Standardisation(mean, std)


def deprocess(luma: Floats, interpolated: Floats, standard: Standard) -> NDArray[np.uint8]:
    """Return the RGB picture (H, W, 3) of restored luma (H, W) and of the interpolated bands' chroma (H, W, 3)."""
    return ycbcr_to_rgb(np.dstack([np.rint(luma), np.rint(interpolated[..., 1:])]), standard)


def as_measured_luma(luma: Floats, standard: Standard) -> NDArray[np.uint8]:
    """Return BT.601 studio luma (H, W), rounded, from luma of either standard."""
    return to_uint8(luma if standard == "bt601" else 16.0 + luma * (219.0 / 255.0))
