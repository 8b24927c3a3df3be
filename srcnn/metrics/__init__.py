"""METRICS: the full-reference similarity metrics; adding one is a file and a line here."""

import logging
from collections.abc import Iterable

import numpy as np

from srcnn.metrics import cos, fsim, issm, psnr, rmse, sam, sre, ssim, uiq
from srcnn.metrics.metric import DEFINITIONS, Array, Definition, Metric, Score

__all__ = ["DEFINITIONS", "METRICS", "QUICK_METRICS", "Definition", "Metric", "score"]

METRICS: dict[str, Metric] = {
    module.METRIC.name: module.METRIC for module in (psnr, ssim, rmse, sre, sam, cos, uiq, fsim, issm)
}

# Those with a fast function for every definition.
QUICK_METRICS = tuple(name for name, metric in METRICS.items() if set(metric.definitions) == set(DEFINITIONS))

_log = logging.getLogger(__name__)
_said: set[str] = set()


def score(
    reference: Array,
    estimate: Array,
    metrics: Iterable[str] = QUICK_METRICS,
    definition: Definition = "paper",
    data_range: float | None = None,
) -> dict[str, float | None]:
    """Value of each named metric for two pictures (H, W) or (H, W, C) of one shape and dtype.

    ``data_range`` is the full span of the values: 255 unless told for uint8, required otherwise.
    None stands where a metric is undefined for the pair; the reason is logged once.

    Raises ValueError if shapes or dtypes differ, a picture is empty or holds nan or infinity, the
    range is missing, or a metric or its definition does not exist.
    """
    data_range = _checked_range(reference, estimate, data_range)
    values: dict[str, float | None] = {}
    for name in metrics:
        function = _definition(name, definition)
        value = function(reference, estimate, data_range)
        values[name] = None if value is None or np.isnan(value) else value
        if values[name] is None and name not in _said:
            _said.add(name)
            _log.warning("%s (%s) is undefined for a pair of shape %s: null", name, definition, reference.shape)
    return values


def _definition(name: str, definition: Definition) -> Score:
    if name not in METRICS:
        raise ValueError(f"unknown metric {name!r}; known: {', '.join(METRICS)}")
    definitions = METRICS[name].definitions
    if definition not in definitions:
        raise ValueError(f"{name} has no definition {definition!r}; it has: {', '.join(definitions)}")
    return definitions[definition]


def _checked_range(reference: Array, estimate: Array, data_range: float | None) -> float:
    if reference.shape != estimate.shape or reference.dtype != estimate.dtype:
        raise ValueError(
            f"reference is {reference.shape} {reference.dtype} but estimate is {estimate.shape} {estimate.dtype}"
        )
    if reference.ndim not in (2, 3) or reference.size == 0:
        raise ValueError(f"a picture is (H, W) or (H, W, C) and not empty, not {reference.shape}")
    if np.issubdtype(reference.dtype, np.floating) and not (
        np.isfinite(reference).all() and np.isfinite(estimate).all()
    ):
        raise ValueError("a picture holds nan or infinity")
    if data_range is None:
        if reference.dtype != np.uint8:
            raise ValueError(f"data_range is required for {reference.dtype} pictures (255 is assumed for uint8 only)")
        return 255.0
    if not data_range > 0:
        raise ValueError(f"data_range must be positive, not {data_range}")
    return float(data_range)
