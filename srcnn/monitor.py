"""Pictures of an evaluation set, degraded once and scored on luma after every epoch."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from srcnn.color import to_uint8
from srcnn.deprocess import Standardisation, as_measured_luma
from srcnn.experiment import DataConfig
from srcnn.inference import restore
from srcnn.metrics import score
from srcnn.models.network import Network
from srcnn.views import degraded, measured_luma, reference

HEADLINE = ("psnr", "ssim")


class MonitoredPicture:
    """One picture's target, interpolated input and bicubic scores.

    ``picture`` is RGB (H, W, 3). It is scored as protocol ``luma`` does: BT.601 studio luma, rounded, ``scale`` pixels
    shaved.
    """

    def __init__(self, set_name: str, picture: NDArray[np.uint8], data: DataConfig, grey: bool = False) -> None:
        hr = reference(picture, data)
        self.set_name, self.data, self.grey = set_name, data, grey
        self.target = measured_luma(hr, grey)
        self.degraded = degraded(hr, data, grey)
        interpolated = self.degraded.interpolated[..., 0]
        self.bicubic = {f"bicubic_{name}": value for name, value in self.score(interpolated).items()}

    def score(self, restored: NDArray[np.floating]) -> dict[str, float]:
        """Return PSNR (dB) and SSIM of restored luma (H, W) in 0..255; nan where one is undefined."""
        inner = (slice(self.data.scale, -self.data.scale),) * 2
        luma = restored.astype(np.float64)
        estimate = to_uint8(luma) if self.grey else as_measured_luma(luma, self.data.luma)
        if min(self.target[inner].shape) < 1:
            return dict.fromkeys(HEADLINE, float("nan"))
        values = score(self.target[inner], estimate[inner], HEADLINE)
        return {name: float("nan") if value is None else value for name, value in values.items()}


def mean_scores(
    model: Network, pictures: Iterable[MonitoredPicture], scale: Standardisation
) -> dict[str, dict[str, float]]:
    """Return the mean PSNR (dB) and SSIM of the model and of bicubic (``bicubic_psnr``), by set.

    Raises FloatingPointError where the network gives no finite numbers.
    """
    scores: dict[str, list[dict[str, float]]] = {}
    for picture in pictures:
        restored = restore(model, picture.degraded, scale)
        scores.setdefault(picture.set_name, []).append({**picture.score(restored), **picture.bicubic})
    return {
        name: {key: float(np.mean([values[key] for values in of_set])) for key in of_set[0]}
        for name, of_set in scores.items()
    }
