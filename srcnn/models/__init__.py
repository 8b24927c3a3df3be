"""MODELS: the networks by name; adding one is a file and a line here.

A model is a torch module from luma (N, 1, H, W) to (N, 1, H - 2b, W - 2b), valid convolutions
only, which states ``border`` b. The table holds ``module:function`` so that torch is imported
only where a model is built.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from srcnn.models.srcnn import SRCNN

MODELS: dict[str, str] = {
    "9-1-5": "srcnn.models.srcnn:srcnn_9_1_5",
    "9-3-5": "srcnn.models.srcnn:srcnn_9_3_5",
    "9-5-5": "srcnn.models.srcnn:srcnn_9_5_5",
}


def build_model(name: str, *, residual: bool, seed: int) -> "SRCNN":
    """A new model of this name, initialised from ``seed`` alone."""
    import torch

    module, function = MODELS[name].split(":")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: SRCNN = getattr(import_module(module), function)(residual=residual)
    return model
