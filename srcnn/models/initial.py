"""INITS: how the weights begin; name -> function(model), called under the run's seed."""

from collections.abc import Callable

from torch import nn


def default(model: nn.Module) -> None:
    """Leave the weights as the layers' constructors gave them (He's uniform, for convolutions)."""


def gaussian(model: nn.Module) -> None:
    """Draw the weights from N(0, 0.001) and set the biases to zero: the paper's start, section 4.1.

    It is a saddle: each layer's gradient is a product with the other layers' tiny weights. Caffe's huge
    rates for a summed loss leave it, a mean-reduced loss takes epochs of constant output.
    """
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, 0.0, 0.001)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


INITS: dict[str, Callable[[nn.Module], None]] = {"default": default, "gaussian": gaussian}
