"""The ESPCN of Keras's example: a layer more than the paper's, ReLU after each, the last too, orthogonal weights.

Source: Long (2020), "Image Super-Resolution using an Efficient Sub-Pixel CNN", keras.io/examples/vision.
"""

from torch import Tensor, nn

from srcnn.models.enlarged import Bicubic


class KerasESPCN(nn.Module):
    """64 kernels of 5x5, 64 and 32 of 3x3, s * s of 3x3; (N, 1, h, w) -> (N, 1, h * scale, w * scale).

    The example has no residual. With it, what the last layer adds to the bicubic enlargement may be negative.
    """

    border = 0
    reach = 5

    def __init__(self, *, scale: int, residual: bool) -> None:
        super().__init__()
        self.scale = scale
        self.layers = nn.Sequential(
            nn.Conv2d(1, 64, 5, padding=2),
            nn.ReLU(),
            nn.Conv2d(64, 64, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(64, 32, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, scale**2, 3, padding=1),
            nn.Identity() if residual else nn.ReLU(),
            nn.PixelShuffle(scale),
        )
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d) and layer.bias is not None:
                nn.init.orthogonal_(layer.weight)
                nn.init.zeros_(layer.bias)
        self.enlarge = Bicubic(scale) if residual else None

    def forward(self, luma: Tensor) -> Tensor:
        """Return restored luma on the scale of the input."""
        detail: Tensor = self.layers(luma)
        return detail if self.enlarge is None else detail + self.enlarge(luma)
