"""What a loss may look at before training: the training pairs, as it will compare them."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from srcnn.batches import Patches
from srcnn.models.enlarged import Bicubic


@dataclass(frozen=True)
class Pairs:
    """Training pairs: the interpolated patches and the originals, without the ``border`` pixels that the network loses.

    They are on the network's scale of values, and lie on the ``device`` that training runs on.
    """

    patches: Patches
    border: int

    def __len__(self) -> int:
        return len(self.patches)

    @property
    def device(self) -> torch.device:
        """The device that they lie on."""
        return self.patches.device

    @property
    def side(self) -> int:
        """The side of what is compared, in pixels."""
        return self.patches.targets.size - 2 * self.border

    def take(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Return interpolated and original at these positions, each (N, 1, side, side), float32.

        For a network that is fed low resolution the first is the bicubic enlargement of what it is fed.
        """
        interpolated, original = self.patches.batch(index)
        within = slice(self.border, self.border + self.side)
        return self._enlarge(interpolated)[..., within, within], original[..., within, within]

    @cached_property
    def _enlarge(self) -> nn.Module:
        scale = self.patches.targets.size // self.patches.inputs.size
        return Bicubic(scale).to(self.device) if scale > 1 else nn.Identity()
