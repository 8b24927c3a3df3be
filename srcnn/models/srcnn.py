"""SRCNN: patch extraction, non-linear mapping, reconstruction.

F(Y) = W3 * max(0, W2 * max(0, W1 * Y + b1) + b2) + b3, * being a valid convolution and Y the interpolated luma.
Source: Dong, Loy, He & Tang (2016), doi:10.1109/TPAMI.2015.2439281, equations 1 to 3.
"""

from functools import cache
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from srcnn.models.narrow import OneBandConvolution
from srcnn.models.products import MatrixProducts
from srcnn.precision import tf32_is_taken


class SRCNN(nn.Module):
    """Three convolutions without padding: luma (N, 1, H, W) to (N, 1, H - 2 * border, W - 2 * border).

    ``residual`` adds the input to what they compute.
    """

    scale = 1

    def __init__(self, kernels: tuple[int, int, int], *, residual: bool, channels: tuple[int, int] = (64, 32)) -> None:
        super().__init__()
        self.residual = residual
        self.border = self.reach = sum(kernel // 2 for kernel in kernels)
        self.extract = nn.Conv2d(1, channels[0], kernels[0])
        self.map = nn.Conv2d(channels[0], channels[1], kernels[1])
        self.reconstruct = nn.Conv2d(channels[1], 1, kernels[2])
        self.own_kernels = True  # on a GPU, where they fit; cuDNN's otherwise

    def forward(self, luma: Tensor) -> Tensor:
        """Return restored luma on the scale of the input."""
        if self._trains_by_products(luma):
            detail = self._products(luma)
        elif self._trains_fused(luma):
            detail = self._fused(luma)
        else:
            detail = self._convolutions(luma)
        if not self.residual:
            return detail
        b = self.border
        return detail + luma[..., b:-b, b:-b]

    def _trains_by_products(self, luma: Tensor) -> bool:
        return self._trains_with_biases(luma) and luma.device.type == "cpu" and self.map.kernel_size == (1, 1)

    def _products(self, luma: Tensor) -> Tensor:
        kind = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else luma.dtype
        detail: Tensor = MatrixProducts.apply(luma, kind, *self._weights())
        return detail

    def _trains_fused(self, luma: Tensor) -> bool:
        if not (self.own_kernels and self._trains_with_biases(luma) and luma.is_cuda and luma.dtype == torch.float32):
            return False
        fused = _fused_kernels() if _narrow() or tf32_is_taken() else None
        if fused is None:
            return False
        kernels = self.extract.kernel_size[0], self.reconstruct.kernel_size[0]
        fits: bool = fused.fits(self.extract.weight, self.map.weight, self.reconstruct.weight)
        return fits and fused.usable(_narrow(), *kernels)

    def _fused(self, luma: Tensor) -> Tensor:
        detail: Tensor = _fused_kernels().FusedTraining.apply(luma, _narrow(), *self._weights())
        return detail

    def _trains_with_biases(self, luma: Tensor) -> bool:
        layers = self.extract, self.map, self.reconstruct
        return self.training and not luma.requires_grad and all(layer.bias is not None for layer in layers)

    def _weights(self) -> list[Tensor]:
        layers = self.extract, self.map, self.reconstruct
        return [value for layer in layers for value in (layer.weight, layer.bias) if value is not None]

    def _convolutions(self, luma: Tensor) -> Tensor:
        return self._reconstruct(torch.relu(self.map(torch.relu(self.extract(luma)))))

    def _reconstruct(self, features: Tensor) -> Tensor:
        layer = self.reconstruct
        narrow = self.training and features.device.type == "cpu" and not torch.is_autocast_enabled("cpu")
        if narrow and layer.bias is not None:
            restored: Tensor = OneBandConvolution.apply(features, layer.weight, layer.bias)
            return restored
        wide: Tensor = layer(features)
        return wide


@cache
def _fused_kernels() -> Any:
    """Return the module of kernels for a GPU; None where Triton is lacking."""
    if find_spec("triton") is None:
        return None
    from srcnn.models import fused  # Triton comes with torch for CUDA only, and no CPU needs it

    return fused


def _narrow() -> bool:
    """Say whether a GPU's products are in bfloat16 here."""
    return torch.is_autocast_enabled("cuda") and torch.get_autocast_dtype("cuda") == torch.bfloat16


def srcnn_9_1_5(*, residual: bool) -> SRCNN:
    """Return the paper's first network, 8,032 weights."""
    return SRCNN((9, 1, 5), residual=residual)


def srcnn_9_3_5(*, residual: bool) -> SRCNN:
    """Return the network with three times the weights of 9-1-5."""
    return SRCNN((9, 3, 5), residual=residual)


def srcnn_9_5_5(*, residual: bool) -> SRCNN:
    """Return the paper's best network, 57,184 weights."""
    return SRCNN((9, 5, 5), residual=residual)


def srcnn_9_1_7(*, residual: bool) -> SRCNN:
    """Return the report's network: 9-1-5 with a wider reconstruction, 8,800 weights."""
    return SRCNN((9, 1, 7), residual=residual)
