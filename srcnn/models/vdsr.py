"""VDSR: many layers of 3x3 on the interpolated picture, which learn what it lacks.

Source: Kim, Lee & Lee (2016), doi:10.1109/CVPR.2016.182, section 3; convolutions are padded with zeros, as there.
"""

from torch import Tensor, nn


class VDSR(nn.Module):
    """``layers`` convolutions of 3x3 with ``channels`` bands between them; ``residual`` adds the input.

    (N, 1, H, W) -> (N, 1, H, W). The paper has 20 layers of 64 channels, and always the residual.
    """

    scale = 1
    border = 0

    def __init__(self, *, residual: bool, layers: int = 20, channels: int = 64) -> None:
        super().__init__()
        self.residual = residual
        self.reach = layers
        between = [
            part
            for _ in range(layers - 2)
            for part in (nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU(inplace=True))
        ]
        self.layers = nn.Sequential(
            nn.Conv2d(1, channels, 3, padding=1),
            nn.ReLU(inplace=True),
            *between,
            nn.Conv2d(channels, 1, 3, padding=1),
        )
        convolutions = [layer for layer in self.layers if isinstance(layer, nn.Conv2d)]
        for layer in convolutions:  # He's, as the paper's; torch's own is too small for 20 layers
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.normal_(convolutions[-1].weight, 0.0, 1e-3)  # it begins as the interpolation

    def forward(self, luma: Tensor) -> Tensor:
        """Return restored luma on the scale of the input."""
        detail: Tensor = self.layers(luma)
        return luma + detail if self.residual else detail
