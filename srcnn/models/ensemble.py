"""The self-ensemble: a network sees a picture in its eight orientations, and what it gives is turned back and averaged.

Source: Timofte et al. (2016), doi:10.1109/CVPR.2016.206, "enhanced prediction"; Lim et al. (2017),
doi:10.1109/CVPRW.2017.151, section 3.4, call it geometric self-ensemble and its results EDSR+.
"""

import torch
from torch import Tensor, nn

from srcnn.models.network import Network

ORIENTATIONS = tuple((mirrored, quarters) for mirrored in (False, True) for quarters in range(4))


class SelfEnsemble(nn.Module):
    """A network's mean over the eight orientations of what it is fed; it keeps the same contract."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.scale, self.border, self.reach = network.scale, network.border, network.reach
        self.network = network

    def forward(self, luma: Tensor) -> Tensor:
        """Return restored luma on the scale of the input."""
        restored = [
            _turned_back(self.network(_turned(luma, *orientation)), *orientation) for orientation in ORIENTATIONS
        ]
        return torch.stack(restored).mean(0)


def as_restoring(network: Network, *, self_ensemble: bool) -> Network:
    """Return what restores pictures with a trained network: itself, or its self-ensemble."""
    return SelfEnsemble(network) if self_ensemble else network


def _turned(luma: Tensor, mirrored: bool, quarters: int) -> Tensor:
    return torch.rot90(luma.flip(-1) if mirrored else luma, quarters, (-2, -1))


def _turned_back(luma: Tensor, mirrored: bool, quarters: int) -> Tensor:
    upright = torch.rot90(luma, -quarters, (-2, -1))
    return upright.flip(-1) if mirrored else upright
