"""INITS: how the weights begin; name -> function(model), called under the run's seed."""

from collections.abc import Callable

import torch
from torch import nn


def default(model: nn.Module) -> None:
    """Leave the weights as the network's constructor gave them."""


def begin_as_enlargement(network: nn.Module) -> None:
    """Draw the weights of layers that are added to an enlargement: He's (2015), doi:10.1109/ICCV.2015.123, section 2.2.

    The last convolution's are a tenth of them, so that training begins near the enlargement; biases are zero.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)]
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    with torch.no_grad():
        layers[-1].weight *= 0.1


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
