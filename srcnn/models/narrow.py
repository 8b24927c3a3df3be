"""Convolution down to one band, w * f + b, as one matrix product and shifted sums: the last layer on a CPU.

oneDNN pads one output band to a full vector, so most of its work is thrown away. Here each pixel's
features are multiplied with all k * k kernel positions at once, and the products are added where
they belong: the same sums in another order. That saves a tenth to a sixth of a training step of 9-1-5.
"""

from typing import Any

import torch
from torch import Tensor


class OneBandConvolution(torch.autograd.Function):
    """w * f + b (N, 1, H - k + 1, W - k + 1) of features f (N, C, H, W), w (1, C, k, k), b (1), and its gradients."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Return the valid convolution."""
        count, channels, height, width = features.shape
        k = weight.shape[-1]
        pixels = features.permute(0, 2, 3, 1).reshape(-1, channels)
        taps = (weight[0].reshape(channels, k * k).t() @ pixels.t()).view(k * k, count, height, width)
        rows, columns = height - k + 1, width - k + 1
        total = taps[0, :, :rows, :columns] + bias
        for tap in range(1, k * k):
            y, x = divmod(tap, k)
            total += taps[tap, :, y : y + rows, x : x + columns]
        ctx.save_for_backward(pixels, weight)
        ctx.shape = features.shape
        return total[:, None]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the gradients of features, weight and bias."""
        pixels, weight = ctx.saved_tensors
        gradient = gradients[0]
        count, channels, height, width = ctx.shape
        k = weight.shape[-1]
        rows, columns = height - k + 1, width - k + 1
        taps = gradient.new_zeros(k * k, count, height, width)
        for tap in range(k * k):
            y, x = divmod(tap, k)
            taps[tap, :, y : y + rows, x : x + columns] = gradient[:, 0]
        taps = taps.view(k * k, -1)
        flat = weight[0].reshape(channels, k * k)
        # Channels last, as the layer before wants it.
        of_features = (taps.t() @ flat.t()).view(count, height, width, channels).permute(0, 3, 1, 2)
        return of_features, (taps @ pixels).t().reshape(weight.shape), gradient.sum().reshape(1)
