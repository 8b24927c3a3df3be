"""METRICS: the full-reference similarity metrics; adding one is a file and a line here.

``score`` compares two pictures, ``Reference`` many estimates with one. docs/reference/metrics.md explains the
definitions. Importing this costs little: what is compiled, or another library's work, belongs into
``srcnn.metrics.kernels``, whose modules are imported when something is scored.
"""

import logging
from collections.abc import Iterable

import numpy as np

from srcnn.metrics import cos, fsim, gmsd, haarpsi, issm, mdsi, ms_ssim, psnr, rmse, sam, sre, ssim, uiq, vifp
from srcnn.metrics.metric import DEFINITIONS, About, Definition, Metric, named_function
from srcnn.metrics.picture import Array, MeasuredPair, MeasuredPicture

__all__ = [
    "DEFINITIONS",
    "METRICS",
    "QUICK_METRICS",
    "About",
    "Definition",
    "Metric",
    "MetricsDiffer",
    "Reference",
    "about",
    "expanded",
    "find",
    "forget_metrics",
    "is_metric",
    "learn",
    "score",
    "tell_undefined",
    "warm_up",
]

# What is scored where nothing is said: the metrics of image-similarity-measures, and COS.
_USUAL = (psnr, ssim, rmse, sre, sam, cos, uiq, fsim, issm)
_FURTHER = (ms_ssim, gmsd, vifp, haarpsi, mdsi)

METRICS: dict[str, Metric] = {module.METRIC.name: module.METRIC for module in (*_USUAL, *_FURTHER)}
QUICK_METRICS = tuple(module.METRIC.name for module in _USUAL)

_log = logging.getLogger(__name__)
_said: set[tuple[str, str]] = set()
# What was said of metrics of the user's own where they were computed or read, by name.
_learnt: dict[str, list[About]] = {}


class MetricsDiffer(ValueError):
    """The error of two files of scores that say of one metric what cannot both be true."""


class Reference:
    """A picture that estimates are compared with; what the metrics need of it is computed once.

    ``image`` is (H, W) or (H, W, C) of any integer or float dtype and must not change afterwards.
    ``data_range`` is the full span of the values; it may be left out for uint8, where it is 255.
    Raises ValueError if the range is missing, or the picture is empty or holds nan or infinity.
    """

    def __init__(self, image: Array, data_range: float | None = None) -> None:
        self._picture = MeasuredPicture(image, data_range)

    def score(
        self, estimate: Array, metrics: Iterable[str] = QUICK_METRICS, definition: Definition = "paper"
    ) -> dict[str, float | None]:
        """Return the value of each named metric for an estimate of the reference's shape and dtype.

        None stands where a metric is undefined for the pair; the reason is logged once. Raises
        ValueError if shape or dtype differ from the reference's, the estimate holds nan or
        infinity, or a metric or its definition does not exist.
        """
        ours, estimate = self._picture.image, np.asarray(estimate)
        if ours.shape != estimate.shape or ours.dtype != estimate.dtype:
            raise ValueError(
                f"reference is {ours.shape} {ours.dtype} but estimate is {estimate.shape} {estimate.dtype}"
            )
        pair = MeasuredPair(self._picture, MeasuredPicture(estimate, self._picture.data_range))
        return {name: _value(find(name), definition, pair) for name in metrics}


def score(
    reference: Array,
    estimate: Array,
    metrics: Iterable[str] = QUICK_METRICS,
    definition: Definition = "paper",
    data_range: float | None = None,
) -> dict[str, float | None]:
    """Return the value of each named metric for two pictures (H, W) or (H, W, C) of one shape and dtype.

    ``metrics`` are names in METRICS, or functions of the user's as ``package.module:function``.
    ``data_range`` is the full span of the values; it may be left out for uint8, where it is 255.
    None stands where a metric is undefined for the pair; the reason is logged once.

    Raises ValueError if shapes or dtypes differ, a picture is empty or holds nan or infinity, the
    range is missing, or a metric or its definition does not exist.
    """
    return Reference(reference, data_range).score(estimate, metrics, definition)


def find(name: str) -> Metric:
    """Return the metric of that name in METRICS, or the user's own ``package.module:function``, which is imported.

    Only what computes calls this; ``about`` tells readers what they need. Raises ValueError, with the known names,
    if there is none.
    """
    if name in METRICS:
        return METRICS[name]
    if not is_metric(name):
        raise ValueError(_unknown(name))
    own = named_function(name)
    _learnt[name] = [own]
    return own


def expanded(names: Iterable[str]) -> list[str]:
    """Return the names of metrics, with those of METRICS in the place of ``all``."""
    return [each for name in names for each in (METRICS if name == "all" else (name,))]


def about(name: str) -> About:
    """Return what is known of a metric, whose code need not be there: the user's own are never imported for it.

    Raises ValueError, with the known names, for a name that can be no metric's; MetricsDiffer if files of scores
    say of it what cannot both be true.
    """
    if name in METRICS:
        return METRICS[name]
    if not is_metric(name):
        raise ValueError(_unknown(name))
    said, *others = _learnt.get(name) or [About.from_metadata(name)]
    if others:
        raise MetricsDiffer(
            f"metric {name!r} is {said.stated()} in one study's scores and {others[0].stated()} in another's: score "
            "one of them anew, or leave the metric out (in one Python, call srcnn.metrics.forget_metrics() between)"
        )
    return said


def learn(own: About) -> None:
    """Remember what a file of scores says of a metric of the user's own."""
    known = _learnt.setdefault(own.name, [])
    if own.stated() not in [said.stated() for said in known]:
        known.append(own)


def forget_metrics() -> None:
    """Forget what files of scores said of metrics of the user's own, before others are read."""
    _learnt.clear()


def _unknown(name: str) -> str:
    return f"unknown metric {name!r}; known: {', '.join(METRICS)}, or your own as package.module:function"


def is_metric(column: str) -> bool:
    """Say whether a column of the score table is a metric: one of METRICS or the user's own."""
    return column in METRICS or ":" in column


def warm_up(definitions: Iterable[Definition] = DEFINITIONS, metrics: Iterable[str] = QUICK_METRICS) -> None:
    """Compile and cache on disk what scoring 8-bit pictures needs: half a minute once per machine, then nothing."""
    known = [find(name) for name in metrics]
    largest = max((metric.smallest for metric in known), default=1)
    for side, shape in ((24, (24, 24, 3)), (24, (24, 24)), (largest, (largest, largest, 3))):
        ramp = np.arange(np.prod(shape)).reshape(shape)
        for definition in definitions:
            names = [each.name for each in known if definition in each.definitions and each.smallest <= side]
            score((ramp % 251).astype(np.uint8), (ramp % 241).astype(np.uint8), names, definition)


def _value(metric: Metric, definition: str, pair: MeasuredPair) -> float | None:
    if definition not in metric.definitions:
        known = ", ".join(metric.definitions)
        raise ValueError(f"{metric.name} has no definition {definition!r}; it has: {known}")
    value = pair.feature(metric.definitions[definition])  # kept: ISSM asks for SSIM's again
    if value is not None and not np.isnan(value):
        return float(value)
    tell_undefined(metric.name, definition, pair.reference.image.shape)
    return None


def tell_undefined(name: str, definition: str, shape: tuple[int, ...]) -> None:
    """Log once in this process why a metric has no value for pairs such as one of this shape."""
    if (name, definition) not in _said:
        _said.add((name, definition))
        reason = find(name).undefined or "its formula divides nothing by nothing"
        _log.warning("%s (%s) is undefined for a pair of shape %s: null (%s)", name, definition, shape, reason)
