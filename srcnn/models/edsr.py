"""EDSR: residual blocks without normalisation on the low-resolution picture, then sub-pixels.

Source: Lim et al. (2017), doi:10.1109/CVPRW.2017.151, section 3. Its baseline has 16 blocks of 64 channels. Here the
bands are one (luma), the last convolution gives each pixel's s * s at once, where the paper enlarges features first,
and what the blocks give is added to the bicubic enlargement, which makes a small network learn in minutes.
"""

from torch import Tensor, nn

from srcnn.models.enlarged import Bicubic
from srcnn.models.initial import begin_as_enlargement


class Block(nn.Module):
    """x + W2 * max(0, W1 * x + b1) + b2."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.last = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the same shape."""
        change: Tensor = self.last(nn.functional.relu(self.first(features), inplace=True))
        return features + change


class EDSR(nn.Module):
    """``blocks`` residual blocks of ``channels`` bands; ``residual`` adds the bicubic enlargement to what they give.

    (N, 1, h, w) -> (N, 1, h * scale, w * scale).
    """

    border = 0

    def __init__(self, *, scale: int, residual: bool, blocks: int = 16, channels: int = 64) -> None:
        super().__init__()
        self.scale = scale
        self.reach = 2 * blocks + 2
        self.layers = nn.Sequential(
            nn.Conv2d(1, channels, 3, padding=1),
            *(Block(channels) for _ in range(blocks)),
            nn.Conv2d(channels, scale**2, 3, padding=1),
            nn.PixelShuffle(scale),
        )
        begin_as_enlargement(self.layers)
        for block in self.layers.children():
            if isinstance(block, Block):
                nn.init.zeros_(block.last.weight)  # a block begins as nothing, so that many of them train at once
        self.enlarge = Bicubic(scale) if residual else None

    def forward(self, luma: Tensor) -> Tensor:
        """Return restored luma on the scale of the input."""
        detail: Tensor = self.layers(luma)
        return detail if self.enlarge is None else detail + self.enlarge(luma)
