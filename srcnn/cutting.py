"""How training patches are cut, and from what: numbers that a plan needs, too."""

from dataclasses import dataclass

from srcnn.experiment import DataConfig


@dataclass(frozen=True)
class Cutting:
    """How patches are cut, in pixels of what the network is fed: their size, and how far they are from each other.

    ``input_scale``: output pixels per input pixel along a side. ``dtype`` is that of the planes.
    """

    size: int
    stride: int
    input_scale: int
    dtype: str

    @classmethod
    def of(cls, data: DataConfig, input_scale: int) -> "Cutting":
        """Return the cutting of a study for a network of this input scale."""
        size, stride = data.patch_size // input_scale, max(1, round(data.stride / input_scale))
        return cls(size, stride, input_scale, data.dtype)


def plane_shape(height: int, width: int, data: DataConfig, input_scale: int) -> tuple[int, int]:
    """Return the shape of the input plane of a picture of this size.

    A network that enlarges by a whole number learns from whole pixels: what lies beyond a multiple is cut.
    """
    height, width = data.train_size or (height, width)
    multiple = data.scale if input_scale > 1 else data.multiple
    return height // multiple * multiple // input_scale, width // multiple * multiple // input_scale
