"""SRCNN: patch extraction, non-linear mapping, reconstruction.

Source: Dong, Loy, He & Tang (2016), doi:10.1109/TPAMI.2015.2439281.
"""

from importlib.util import find_spec

import torch
from torch import Tensor, nn

from srcnn.models.narrow import OneBandConvolution
from srcnn.models.products import MatrixProducts
from srcnn.precision import tf32_is_taken


class SRCNN(nn.Module):
    """Three convolutions without padding; ``residual`` adds the input to what they compute.

    (N, 1, H, W) -> (N, 1, H - 2 * border, W - 2 * border).
    """

    scale = 1  # it is given the interpolated picture
    learns_in_bfloat16 = True  # to the same dB a second or more, as benchmarks/training.py shows

    def __init__(self, kernels: tuple[int, int, int], *, residual: bool, channels: tuple[int, int] = (64, 32)) -> None:
        super().__init__()
        self.residual = residual
        self.border = sum(kernel // 2 for kernel in kernels)
        self.extract = nn.Conv2d(1, channels[0], kernels[0])
        self.map = nn.Conv2d(channels[0], channels[1], kernels[1])
        self.reconstruct = nn.Conv2d(channels[1], 1, kernels[2])
        # Patches of a batch that a CPU trains on together, so that a layer finds in the cache what the last one wrote:
        # by products 128 patches take 33 ms in parts of 32 (24 in bfloat16), 35 (28) in parts of 16, 49 (33) at once.
        self.cpu_part = 32 if kernels[1] == 1 else None
        self.own_kernels = True  # on a GPU, where they fit; cuDNN's otherwise

    def forward(self, luma: Tensor) -> Tensor:
        """Restored luma on the scale of the input."""
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
        if not (_narrow() or tf32_is_taken()) or find_spec("triton") is None:
            return False
        from srcnn.models.fused import fits, usable

        kernels = self.extract.kernel_size[0], self.reconstruct.kernel_size[0]
        return fits(self.extract.weight, self.map.weight, self.reconstruct.weight) and usable(_narrow(), *kernels)

    def _fused(self, luma: Tensor) -> Tensor:
        from srcnn.models.fused import FusedTraining

        detail: Tensor = FusedTraining.apply(luma, _narrow(), *self._weights())
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


def _narrow() -> bool:
    """Whether a GPU's products are in bfloat16 here."""
    return torch.is_autocast_enabled("cuda") and torch.get_autocast_dtype("cuda") == torch.bfloat16


def srcnn_9_1_5(*, residual: bool) -> SRCNN:
    """The paper's first network, 8,032 weights."""
    return SRCNN((9, 1, 5), residual=residual)


def srcnn_9_3_5(*, residual: bool) -> SRCNN:
    """Three times the weights of 9-1-5."""
    return SRCNN((9, 3, 5), residual=residual)


def srcnn_9_5_5(*, residual: bool) -> SRCNN:
    """The paper's best network, 57,184 weights."""
    return SRCNN((9, 5, 5), residual=residual)


def srcnn_9_1_7(*, residual: bool) -> SRCNN:
    """The report's network: 9-1-5 with a wider reconstruction, 8,800 weights."""
    return SRCNN((9, 1, 7), residual=residual)
