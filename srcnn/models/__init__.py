"""MODELS: the networks by name; adding one is a file and a line here.

A model is a torch module, built with ``residual=True`` or ``False``, that states two numbers:

- ``border``: pixels lost at each side. It maps luma (N, 1, H, W) to (N, 1, H - 2 border,
  W - 2 border) by valid convolutions, for any H and W above 2 border.
- ``scale``: output pixels for an input pixel along a side. 1: the network is given the interpolated
  picture, which is what this project feeds.

A study may name such a class of its own as ``package.module:Class``, without a line here. The
table holds ``module:function`` and the border, so that a study can be checked without torch;
``srcnn.models.build`` builds what it names.
"""

from typing import NamedTuple


class Network(NamedTuple):
    """A model of the table: ``module:function`` that builds it, and the pixels that it loses on each side."""

    builder: str
    border: int


MODELS: dict[str, Network] = {
    "9-1-5": Network("srcnn.models.srcnn:srcnn_9_1_5", border=6),
    "9-3-5": Network("srcnn.models.srcnn:srcnn_9_3_5", border=7),
    "9-5-5": Network("srcnn.models.srcnn:srcnn_9_5_5", border=8),
    "9-1-7": Network("srcnn.models.srcnn:srcnn_9_1_7", border=7),
}

CONTRACT = (
    "a model is a torch.nn.Module built with residual=True or False that states border (pixels lost at each side) "
    "and scale (1: it is given the interpolated picture)"
)


class ModelError(ValueError):
    """The error of a model that cannot be used: its name, and what was expected of it."""


def is_own_model(name: str) -> bool:
    """Say whether the name is a user's ``package.module:Class`` rather than one of the table's."""
    module, colon, attribute = name.partition(":")
    return bool(colon) and attribute.isidentifier() and all(part.isidentifier() for part in module.split("."))
