"""Muon: momentum whose matrices are made orthogonal, so that a step changes every direction by as much.

Of a layer's gradient G, as a matrix of one row a kernel (biases: one row in all):

    M <- m M + (1 - m) G,    W <- W - rate * 0.2 * sqrt(max(rows, columns)) * O(m M + (1 - m) G)

O(X) replaces X's singular values by about one; the factor before it gives changes the size of Adam's, so that Adam's
rates fit. Source: Jordan et al. (2024), https://kellerjordan.github.io/posts/muon; the factor: Liu et al. (2025),
arXiv:2502.16982, section 2.2. There biases take Adam's steps; here they are matrices of one row.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

MOMENTUM = 0.95
SIZE = 0.2  # root mean square of a change at rate 1
# Newton and Schulz's iteration with Jordan's coefficients: five times bring singular values from 0.01 to near one.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
TIMES = 5


class Muon(torch.optim.Optimizer):
    """Muon over every parameter; its steps can be recorded in a GPU's graph, with the rate as a tensor."""

    def __init__(self, parameters: Iterable[Any], lr: float) -> None:
        super().__init__(parameters, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Change the parameters by their gradients; there is no closure to call again."""
        for group in self.param_groups:
            alike: dict[tuple[int, int], list[Tensor]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    alike[_matrix(parameter)].append(parameter)
            for shape, parameters in alike.items():
                self._step(parameters, shape, group["lr"])

    def _step(self, parameters: list[Tensor], shape: tuple[int, int], rate: float | Tensor) -> None:
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        momenta = [self._momentum(parameter) for parameter in parameters]
        torch._foreach_lerp_(momenta, gradients, 1 - MOMENTUM)
        ahead = torch._foreach_lerp(gradients, momenta, MOMENTUM)
        changes = orthogonal(torch.stack([matrix.reshape(shape) for matrix in ahead])) * (SIZE * max(shape) ** 0.5)
        for parameter, change in zip(parameters, changes * rate, strict=True):
            parameter.sub_(change.view_as(parameter))

    def _momentum(self, parameter: Tensor) -> Tensor:
        state: dict[str, Tensor] = self.state[parameter]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
        return state["momentum"]


def orthogonal(matrices: Tensor) -> Tensor:
    """Return matrices (N, rows, columns) with the same singular vectors, and singular values of 0.7 to 1.2."""
    wide = matrices if matrices.shape[1] <= matrices.shape[2] else matrices.mT
    x = wide / (wide.norm(dim=(1, 2), keepdim=True) + 1e-12)
    a, b, c = COEFFICIENTS
    for _ in range(TIMES):
        squares = x @ x.mT
        x = a * x + (b * squares + c * squares @ squares) @ x
    return x if wide is matrices else x.mT


def _matrix(parameter: Tensor) -> tuple[int, int]:
    """Return the rows and columns of a parameter as a matrix."""
    return (parameter.shape[0], parameter[0].numel()) if parameter.ndim > 1 else (1, parameter.numel())
