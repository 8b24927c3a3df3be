"""What a metric is: its name, unit, direction and range, and one function per definition."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]
Definition = Literal["paper", "package"]
DEFINITIONS: tuple[Definition, ...] = ("paper", "package")

# (reference, estimate, data_range) -> value; None where the metric is undefined for the pair.
Score = Callable[[Array, Array, float], float | None]


@dataclass(frozen=True)
class Metric:
    """A full-reference similarity metric, as listed in METRICS.

    ``ideal`` is the value of a pair of identical pictures (None: the formula fixes none).
    ``version`` is raised when a change alters values, so that old scores are not mixed with new.
    """

    name: str
    title: str
    unit: str
    higher_is_better: bool
    low: float
    high: float
    ideal: float | None
    source: str
    definitions: Mapping[str, Score]
    version: int = 1


def package_function(name: str) -> Score:
    """The function of image-similarity-measures 0.3.6, called with its own defaults (12-bit range)."""

    def score(reference: Array, estimate: Array, data_range: float) -> float | None:
        # Imported here: it brings opencv and scikit-image, which cost a second.
        with warnings.catch_warnings(action="ignore"):  # phasepack recommends pyfftw to every user
            from image_similarity_measures import quality_metrics

        if reference.ndim == 2:  # five of its metrics raise on two dimensions, two broadcast
            reference, estimate = reference[..., None], estimate[..., None]
        with np.errstate(all="ignore"):
            return float(quality_metrics.metric_functions[name](reference, estimate))

    return score
