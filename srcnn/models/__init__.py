"""MODELS: the networks by name; adding one is a file and a line here.

A model is a torch module from luma (N, 1, H, W) to (N, 1, H - 2b, W - 2b), valid convolutions
only, which states ``border`` b. The table holds ``module:function`` and b, so that a study can be
checked, and torch is imported only where a model is built.
"""

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from srcnn.models.srcnn import SRCNN


class Network(NamedTuple):
    """Where a model is built, and the pixels it loses on each side."""

    builder: str
    border: int


MODELS: dict[str, Network] = {
    "9-1-5": Network("srcnn.models.srcnn:srcnn_9_1_5", border=6),
    "9-3-5": Network("srcnn.models.srcnn:srcnn_9_3_5", border=7),
    "9-5-5": Network("srcnn.models.srcnn:srcnn_9_5_5", border=8),
}


def build_model(name: str, *, residual: bool, seed: int) -> "SRCNN":
    """A new model of this name, initialised from ``seed`` alone."""
    import torch

    module, function = MODELS[name].builder.split(":")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: SRCNN = getattr(import_module(module), function)(residual=residual)
    return model
