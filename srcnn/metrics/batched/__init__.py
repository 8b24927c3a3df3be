"""BATCHED: the metrics as torch computes them, many pairs of one size at once, on any device.

The values are those of the ``paper`` definitions in METRICS. ``score`` compares estimates with references of which
several may share one. Nothing here waits for the device, but for pictures of floats, which are checked, and for the
edges of ISSM; so the next batch is prepared while this one is computed. Only what scores with torch imports this.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import torch

from srcnn.metrics import QUICK_METRICS
from srcnn.metrics.batched.cos import cos
from srcnn.metrics.batched.fsim import fsim
from srcnn.metrics.batched.gmsd import gmsd
from srcnn.metrics.batched.haarpsi import haarpsi
from srcnn.metrics.batched.issm import issm
from srcnn.metrics.batched.mdsi import mdsi
from srcnn.metrics.batched.ms_ssim import ms_ssim
from srcnn.metrics.batched.pictures import Pairs, Pictures
from srcnn.metrics.batched.psnr import psnr
from srcnn.metrics.batched.rmse import rmse
from srcnn.metrics.batched.sam import sam
from srcnn.metrics.batched.sre import sre
from srcnn.metrics.batched.ssim import ssim
from srcnn.metrics.batched.uiq import uiq
from srcnn.metrics.batched.vifp import vifp

__all__ = ["BATCHED", "Pairs", "Pictures", "at_once", "score", "score_pairs", "values"]

# Each returns float64 (N), nan where the metric is undefined for a pair.
BATCHED: dict[str, Callable[[Pairs], torch.Tensor]] = {
    "psnr": psnr,
    "ssim": ssim,
    "rmse": rmse,
    "sre": sre,
    "sam": sam,
    "cos": cos,
    "uiq": uiq,
    "fsim": fsim,
    "issm": issm,
    "ms_ssim": ms_ssim,
    "gmsd": gmsd,
    "vifp": vifp,
    "haarpsi": haarpsi,
    "mdsi": mdsi,
}

_BYTES_PER_VALUE = 200  # of a picture's, that are needed at most while a pair is compared


def score(
    references: torch.Tensor,
    estimates: torch.Tensor,
    of: Sequence[int] | torch.Tensor | None = None,
    metrics: Iterable[str] = QUICK_METRICS,
    data_range: float | None = None,
) -> dict[str, torch.Tensor]:
    """Return the values of each named metric, float64 (N) on the pictures' device, nan where it is undefined.

    ``estimates`` are N pictures (N, H, W) or (N, H, W, C), uint8 or any other number; ``references`` are as many, or
    ``of`` says which of them each estimate is compared with. ``data_range`` is as in ``srcnn.metrics.score``.

    Raises ValueError if sizes, types or devices differ, pictures are empty or hold nan or infinity, the range is
    missing, or a metric has no form for batches.
    """
    return score_pairs(Pairs(Pictures(references, data_range), Pictures(estimates, data_range), of), metrics)


def score_pairs(pairs: Pairs, metrics: Iterable[str] = QUICK_METRICS) -> dict[str, torch.Tensor]:
    """Return the values of each named metric as ``score`` does; what is known of ``pairs.references`` is kept there."""
    names = list(metrics)
    for name in names:
        if name not in BATCHED:
            raise ValueError(f"metric {name!r} is not computed in batches; those that are: {', '.join(BATCHED)}")
    return {name: pairs.feature(BATCHED[name]) for name in names}  # kept: ISSM asks for SSIM's again


def values(scores: Mapping[str, torch.Tensor]) -> list[dict[str, float | None]]:
    """Return each pair's values, None where a metric is undefined, as ``srcnn.metrics.score`` does. Waits for them."""
    table = torch.stack(list(scores.values()), dim=1).tolist() if scores else []
    return [
        {name: None if math.isnan(value) else value for name, value in zip(scores, row, strict=True)} for row in table
    ]


def at_once(height: int, width: int, bands: int, memory_gb: float = 4.0) -> int:
    """Return how many pairs of this size can be compared at once within so much memory of the device; at least one."""
    return max(1, int(memory_gb * 1e9 / (_BYTES_PER_VALUE * height * width * bands)))
