"""LOSSES: the losses that training minimises, by name; adding one is a file and an entry here.

The table says what is known of a loss without building it, so that a study is checked without torch. A study may name
a builder of its own as ``package.module:build``, without an entry here; both keep the contract of
``srcnn.losses.build``.
"""

from dataclasses import dataclass

from pydantic import Field

from srcnn.section import Section, settings


@dataclass(frozen=True)
class LossSpec:
    """An entry of LOSSES.

    ``builder`` is the ``module:function`` that builds the loss from its ``settings``. ``block``: the loss compares by
    square blocks of this side, without overlap, so that what is compared of a patch must be a multiple of it.
    """

    builder: str
    settings: type[Section] = Section
    block: int = 1


LOSSES: dict[str, LossSpec] = {
    "mse": LossSpec("srcnn.losses.mse:build"),
    "l1": LossSpec("srcnn.losses.l1:build"),
    # Lai et al. (2017), doi:10.1109/CVPR.2017.618, on [0, 1].
    "charbonnier": LossSpec(
        "srcnn.losses.charbonnier:build",
        settings(epsilon=(float, Field(1e-3, gt=0, le=1, description="in grey levels of [0, 1]"))),
    ),
    "fdpl": LossSpec(
        "srcnn.losses.fdpl:build",
        settings(quality=(int, Field(50, ge=1, le=100, description="of the JPEG table that weighs frequencies"))),
        block=8,
    ),
}


class LossError(ValueError):
    """The error of a loss that cannot be used: its name, and what was expected of it."""


def unfit(name: str, patch_size: int, border: int, input_scale: int) -> str:
    """Return why a loss cannot compare patches of this size, and the nearest sizes that fit; empty if it can.

    ``border`` (output pixels lost at each side) and ``input_scale`` are the network's.
    """
    block = LOSSES[name].block if name in LOSSES else 1

    def compared(size: int) -> int:
        return size // input_scale * input_scale - 2 * border

    def fits(size: int) -> bool:
        return size % input_scale == 0 and compared(size) > 0 and compared(size) % block == 0

    side = compared(patch_size)
    if side > 0 and side % block == 0:
        return ""
    period = block * input_scale
    below = [size for size in range(max(1, patch_size - period), patch_size) if fits(size)][-1:]
    above = [size for size in range(patch_size + 1, patch_size + 2 * border + 2 * period) if fits(size)][:1]
    sizes = ", ".join(map(str, below + above))
    return (
        f"data.patch_size is {patch_size}, of which {side}x{side} pixels are compared, and training.loss {name} takes "
        f"a multiple of {block}; {f'the nearest sizes that fit: {sizes}' if sizes else 'no size fits this network'}"
    )
