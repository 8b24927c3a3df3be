"""FSRCNN: features, shrunk to few bands, mapped there, widened again and brought to the full size.

Source: Dong, Loy & Tang (2016), doi:10.1007/978-3-319-46475-6_25, section 3; d, s and m are the paper's.
"""

from typing import Literal

from torch import Tensor, nn

from srcnn.models.enlarged import Bicubic


class FSRCNN(nn.Module):
    """Conv(5, d, 1), Conv(1, s, d), m of Conv(3, s, s), Conv(1, d, s), and the end, with a PReLU after all but that.

    ``end``: ``transposed`` is the paper's DeConv(9, 1, d); ``sub-pixel`` gives each pixel's s * s by one convolution of
    5x5 that is laid out side by side, which learns faster. ``residual`` adds the result to the bicubic enlargement,
    which the paper does not. (N, 1, h, w) -> (N, 1, h * scale, w * scale).
    """

    border = 0

    def __init__(
        self,
        *,
        scale: int,
        residual: bool,
        d: int = 56,
        s: int = 12,
        m: int = 4,
        end: Literal["sub-pixel", "transposed"] = "sub-pixel",
    ) -> None:
        super().__init__()
        self.scale = scale
        layers: list[nn.Module] = [nn.Conv2d(1, d, 5, padding=2), nn.PReLU(d), nn.Conv2d(d, s, 1), nn.PReLU(s)]
        for _ in range(m):
            layers += [nn.Conv2d(s, s, 3, padding=1), nn.PReLU(s)]
        layers += [nn.Conv2d(s, d, 1), nn.PReLU(d)]
        if end == "transposed":
            # Output pixel s * i + p takes from input pixels i - 4 / s to i + 4 / s, as kernels of 9 do.
            layers += [nn.ConvTranspose2d(d, 1, 9, stride=scale, padding=4, output_padding=scale - 1)]
        else:
            layers += [nn.Conv2d(d, scale**2, 5, padding=2), nn.PixelShuffle(scale)]
        self.layers = nn.Sequential(*layers)
        self.reach = 2 + m + (2 if end == "sub-pixel" else -(-(4 + scale - 1) // scale))
        self.enlarge = Bicubic(scale) if residual else None

    def forward(self, luma: Tensor) -> Tensor:
        """Return restored luma on the scale of the input."""
        detail: Tensor = self.layers(luma)
        return detail if self.enlarge is None else detail + self.enlarge(luma)
