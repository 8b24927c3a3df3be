"""MODELS: the networks by name; adding one is a file and an entry here.

A network is built with ``residual=True`` or ``False`` and with settings of its own, and keeps the contract of
``srcnn.models.network``. A study may name such a class of its own as ``package.module:Class``, without an entry here.
The table says what is known of a network without building it, so that a study is checked without torch.
"""

from typing import Literal

from pydantic import Field

from srcnn.models.spec import Fed, Layer, NetworkSpec, whole
from srcnn.section import settings

INTERPOLATED: Fed = "interpolated"
LOW: Fed = "low resolution"


def _srcnn(first: int, middle: int, last: int) -> NetworkSpec:
    """Return the entry of a network of three layers, by their kernels."""
    return NetworkSpec(
        f"srcnn.models.srcnn:srcnn_{first}_{middle}_{last}",
        INTERPOLATED,
        border=first // 2 + middle // 2 + last // 2,
        layers=lambda _, scale: (Layer(1, 64, first), Layer(64, 32, middle), Layer(32, 1, last)),
        learns_in_bfloat16=True,
        # By products 128 patches take 33 ms in parts of 32 (24 in bfloat16), 35 (28) in parts of 16, 49 (33) at once.
        cpu_part=32 if middle == 1 else None,
    )


MODELS: dict[str, NetworkSpec] = {
    "9-1-5": _srcnn(9, 1, 5),
    "9-3-5": _srcnn(9, 3, 5),
    "9-5-5": _srcnn(9, 5, 5),
    "9-1-7": _srcnn(9, 1, 7),
    "espcn": NetworkSpec(
        "srcnn.models.espcn:ESPCN",
        LOW,
        settings=settings(
            activation=(Literal["relu", "tanh"], Field("relu", description="after each layer; the paper's is tanh"))
        ),
        layers=lambda _, scale: (Layer(1, 64, 5), Layer(64, 32, 3), Layer(32, scale**2, 3)),
        learns_in_bfloat16=True,
    ),
    "keras_espcn": NetworkSpec(
        "srcnn.models.keras_espcn:KerasESPCN",
        LOW,
        layers=lambda _, scale: (Layer(1, 64, 5), Layer(64, 64, 3), Layer(64, 32, 3), Layer(32, scale**2, 3)),
        positive=True,
    ),
    "fsrcnn": NetworkSpec(
        "srcnn.models.fsrcnn:FSRCNN",
        LOW,
        settings=settings(
            d=whole(56, 1, 512, "bands of the first layer"),
            s=whole(12, 1, 512, "bands after shrinking"),
            m=whole(4, 0, 64, "layers between shrinking and expanding"),
            end=(
                Literal["sub-pixel", "transposed"],
                Field("sub-pixel", description="what enlarges; the paper's is transposed"),
            ),
        ),
        layers=lambda chosen, scale: (
            Layer(1, chosen.d, 5, chosen.d),
            Layer(chosen.d, chosen.s, 1, chosen.s),
            *chosen.m * (Layer(chosen.s, chosen.s, 3, chosen.s),),
            Layer(chosen.s, chosen.d, 1, chosen.d),
            Layer(chosen.d, scale**2, 5) if chosen.end == "sub-pixel" else Layer(chosen.d, 1, 9),
        ),
        learns_in_bfloat16=True,
    ),
    "vdsr": NetworkSpec(
        "srcnn.models.vdsr:VDSR",
        INTERPOLATED,
        settings=settings(
            layers=whole(20, 2, 128, "layers of 3x3 kernels"), channels=whole(64, 1, 1024, "bands between layers")
        ),
        layers=lambda chosen, scale: (
            Layer(1, chosen.channels, 3),
            *(chosen.layers - 2) * (Layer(chosen.channels, chosen.channels, 3),),
            Layer(chosen.channels, 1, 3),
        ),
        learns_in_bfloat16=True,
    ),
    "edsr": NetworkSpec(
        "srcnn.models.edsr:EDSR",
        LOW,
        settings=settings(
            blocks=whole(16, 1, 256, "residual blocks of two layers"),
            channels=whole(64, 1, 1024, "bands between layers"),
        ),
        layers=lambda chosen, scale: (
            Layer(1, chosen.channels, 3),
            *2 * chosen.blocks * (Layer(chosen.channels, chosen.channels, 3),),
            Layer(chosen.channels, scale**2, 3),
        ),
        learns_in_bfloat16=True,
    ),
}


class ModelError(ValueError):
    """The error of a model that cannot be used: its name, and what was expected of it."""


def is_own_model(name: str) -> bool:
    """Say whether the name is a user's ``package.module:Class`` rather than one of the table's."""
    module, colon, attribute = name.partition(":")
    return bool(colon) and attribute.isidentifier() and all(part.isidentifier() for part in module.split("."))
