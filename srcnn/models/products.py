"""SRCNN F(Y) = W3 * max(0, W2 * max(0, W1 * Y + b1) + b2) + b3 with a 1x1 W2, as matrix products: training on a CPU.

Every pixel's features are a column, so no layer reorders what the one before gave; biases are the
weights of a row of ones; ReLUs and their gradients overwrite what they are given. The sums are those
of three Conv2d, in another order. On one core with AVX-512 (peak 183 GFLOP/s) BLAS reaches 100 to 190
in these products; oneDNN reached 70 to 100 in the gradients of the first layer and in the 1x1 layer.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from srcnn.models.taps import gathered, spread


class MatrixProducts(torch.autograd.Function):
    """F(Y) (N, 1, H - k - m + 2, W - k - m + 2) of luma Y (N, 1, H, W), with its gradients.

    Weights and biases are (A, 1, k, k), (A), (B, A, 1, 1), (B), (1, B, m, m) and (1). Luma has no gradient. Products
    are taken of numbers of type ``kind``; what the last layer adds up, and all results, are of the weights' type.
    """

    @staticmethod
    def forward(
        ctx: Any,
        luma: Tensor,
        kind: torch.dtype,
        first: Tensor,
        bias1: Tensor,
        middle: Tensor,
        bias2: Tensor,
        last: Tensor,
        bias3: Tensor,
    ) -> Tensor:
        """Return F(Y)."""
        count, _, height, width = luma.shape
        k, m = first.shape[-1], last.shape[-1]
        taps = spread(luma[:, 0].to(kind), k, ones=True)
        patches = taps.new_empty(len(first) + 1, taps.shape[1])
        torch.mm(_with_bias(first, bias1, kind), taps, out=patches[:-1]).relu_()
        patches[-1] = 1
        features = torch.mm(_with_bias(middle, bias2, kind), patches).relu_()
        products = last[0].flatten(1).t().to(kind).contiguous() @ features
        detail = gathered(products.to(last.dtype), m, (count, height - k + 1, width - k + 1))
        ctx.save_for_backward(taps, patches, features, first, middle, last)
        return detail.add_(bias3)[:, None]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the weights and biases."""
        taps, patches, features, first, middle, last = ctx.saved_tensors
        kind, of_weights = taps.dtype, last.dtype
        gradient, m = gradients[0][:, 0], last.shape[-1]
        # A pixel reached the outputs up and left of it: it meets their gradients with the kernel turned around.
        errors = spread(pad(gradient.to(kind), [m - 1] * 4), m)
        of_features = _before_relu(last[0].flip(1, 2).flatten(1).to(kind) @ errors, features)
        of_patches = _before_relu(middle.flatten(1).t().to(kind) @ of_features, patches[:-1])
        # Transposed, because the larger side first is faster: 141 instead of 124 GFLOP/s for the first layer.
        of_first = (taps @ of_patches.t()).t().to(of_weights)
        of_middle = (patches @ of_features.t()).t().to(of_weights)
        return (
            None,
            None,
            of_first[:, :-1].reshape(first.shape),
            of_first[:, -1],
            of_middle[:, :-1].reshape(middle.shape),
            of_middle[:, -1],
            (features @ errors.t()).to(of_weights).view(last.shape).flip(2, 3),
            gradient.sum().reshape(1),
        )


def _with_bias(weight: Tensor, bias: Tensor, kind: torch.dtype) -> Tensor:
    """Return the weights with the bias as their last column, for rows that end with ones."""
    return torch.cat([weight.flatten(1), bias[:, None]], dim=1).to(kind)


def _before_relu(gradient: Tensor, activated: Tensor) -> Tensor:
    """Return the gradient before a ReLU: ``gradient`` where ``activated`` > 0, in place, by autograd's own kernel."""
    before: Tensor = torch.ops.aten.threshold_backward.grad_input(gradient, activated, 0, grad_input=gradient)
    return before
