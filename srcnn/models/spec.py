"""What is known of a network without building it, so that a study is checked without torch."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from srcnn.section import Section

# The interpolated picture, as SRCNN; or the low-resolution one, which the network enlarges itself.
Fed = Literal["interpolated", "low resolution"]


@dataclass(frozen=True)
class NetworkSpec:
    """An entry of MODELS.

    ``builder`` is the ``module:function`` that builds the network: it is called with ``residual``, with the network's
    ``settings`` by name and, where the network is fed low resolution, with ``scale``. ``border`` (output pixels lost
    at each side) and ``weights`` (how many numbers are learnt) are functions of settings and scale.

    ``learns_in_bfloat16``: it reaches the same dB with products in bfloat16, as benchmarks/ shows. ``cpu_part``:
    patches of a batch that a CPU trains on together, so that a layer finds in the cache what the last one wrote; None:
    the whole batch.
    """

    builder: str
    fed: Fed
    weights: Callable[[Any, int], int]
    settings: type[Section] = Section
    border: int = 0
    learns_in_bfloat16: bool = False
    cpu_part: int | None = None

    def input_scale(self, scale: int) -> int:
        """Output pixels per input pixel where a study's scale is this: 1 for a network fed the interpolated picture."""
        return scale if self.fed == "low resolution" else 1


def whole(default: int, least: int, most: int) -> tuple[type, Any]:
    """Return a whole number's setting, from ``least`` to ``most``."""
    return int, Field(default, ge=least, le=most)
