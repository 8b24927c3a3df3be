"""ESPCN: the network works on the low-resolution picture, and its last layer gives each pixel's s * s at once.

F(Y) = PS(W3 * f(W2 * f(W1 * Y + b1) + b2) + b3), PS laying s * s bands out side by side.
Source: Shi et al. (2016), doi:10.1109/CVPR.2016.207, equations 3 and 4; convolutions here are padded with zeros.
"""

from typing import Literal

from torch import Tensor, nn

from srcnn.models.enlarged import Bicubic
from srcnn.models.initial import begin_as_enlargement

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh}


class ESPCN(nn.Module):
    """64 kernels of 5x5, 32 of 3x3, s * s of 3x3; ``residual`` adds what they give to the bicubic enlargement.

    (N, 1, h, w) -> (N, 1, h * scale, w * scale). The paper trains it with tanh and without the residual.
    """

    border = 0
    reach = 4

    def __init__(self, *, scale: int, residual: bool, activation: Literal["relu", "tanh"] = "relu") -> None:
        super().__init__()
        self.scale = scale
        self.layers = nn.Sequential(
            nn.Conv2d(1, 64, 5, padding=2),
            ACTIVATIONS[activation](),
            nn.Conv2d(64, 32, 3, padding=1),
            ACTIVATIONS[activation](),
            nn.Conv2d(32, scale**2, 3, padding=1),
            nn.PixelShuffle(scale),
        )
        begin_as_enlargement(self.layers)
        self.enlarge = Bicubic(scale) if residual else None

    def forward(self, luma: Tensor) -> Tensor:
        """Return restored luma on the scale of the input."""
        detail: Tensor = self.layers(luma)
        return detail if self.enlarge is None else detail + self.enlarge(luma)
