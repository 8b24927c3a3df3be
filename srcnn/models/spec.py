"""What is known of a network without building it, so that a study is checked without torch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from pydantic import Field

from srcnn.section import Section

# The interpolated picture, as SRCNN; or the low-resolution one, which the network enlarges itself.
Fed = Literal["interpolated", "low resolution"]


class Layer(NamedTuple):
    """A convolution, transposed or not, with biases; ``slopes`` are the numbers of a PReLU after it."""

    bands_in: int
    bands_out: int
    kernel: int
    slopes: int = 0

    @property
    def products(self) -> int:
        """Multiplications per pixel that the network is fed."""
        return self.bands_in * self.bands_out * self.kernel**2


@dataclass(frozen=True)
class NetworkSpec:
    """An entry of MODELS.

    ``builder`` is the ``module:function`` that builds the network: it is called with ``residual``, with the network's
    ``settings`` by name and, where the network is fed low resolution, with ``scale``. ``border`` is how many output
    pixels are lost at each side; ``layers`` gives what it is made of, from its settings and the scale.

    ``learns_in_bfloat16``: it reaches the same dB with products in bfloat16, as benchmarks/ shows. ``cpu_part``:
    patches of a batch that a CPU trains on together, so that a layer finds in the cache what the last one wrote; None:
    the whole batch. ``positive``: without the residual it gives no negative numbers.
    """

    builder: str
    fed: Fed
    layers: Callable[[Any, int], Sequence[Layer]]
    settings: type[Section] = Section
    border: int = 0
    learns_in_bfloat16: bool = False
    cpu_part: int | None = None
    positive: bool = False

    def input_scale(self, scale: int) -> int:
        """Output pixels per input pixel where a study's scale is this: 1 for a network fed the interpolated picture."""
        return scale if self.fed == "low resolution" else 1

    def weights(self, settings: Section, scale: int) -> int:
        """How many numbers it learns."""
        return sum(layer.products + layer.bands_out + layer.slopes for layer in self.layers(settings, scale))

    def multiplications(self, settings: Section, scale: int) -> int:
        """How often it multiplies by a weight for one pixel of the restored picture."""
        return round(sum(layer.products for layer in self.layers(settings, scale)) / self.input_scale(scale) ** 2)


def whole(default: int, least: int, most: int, description: str) -> tuple[type, Any]:
    """Return a whole number's setting, from ``least`` to ``most``."""
    return int, Field(default, ge=least, le=most, description=description)
