"""Patches on the training device, and the batches that an epoch makes of them.

Every random choice of an epoch comes from (seed, epoch) alone, so that training resumed at an
epoch's start continues exactly as if it had never stopped, on whatever device.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from srcnn.deprocess import Standardisation

SYMMETRIES = 8  # of a square


@dataclass(frozen=True)
class Tensors:
    """Patches on the training device, (N, 1, P, P), in the type they were stored in."""

    inputs: Tensor
    targets: Tensor
    standardisation: Standardisation

    @classmethod
    def of(
        cls,
        inputs: np.ndarray,
        targets: np.ndarray,
        standardisation: Standardisation,
        device: torch.device,
    ) -> "Tensors":
        """Copy arrays (N, P, P) in 0..255 to the device."""
        on_device = [torch.from_numpy(array)[:, None].to(device) for array in (inputs, targets)]
        return cls(on_device[0], on_device[1], standardisation)

    def __len__(self) -> int:
        return len(self.inputs)

    def batch(self, index: Tensor, flips: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return inputs and targets at these positions, (*index.shape, 1, P, P), float32 on the network's scale.

        ``flips`` holds a number of ``augmented`` for each row of ``index``, by which the row's patches are turned.
        """
        scale, shift = 255.0 * self.standardisation.std, self.standardisation.mean / self.standardisation.std
        inputs, targets = (self._taken(images, index, flips) for images in (self.inputs, self.targets))
        return inputs.float() / scale - shift, targets.float() / scale - shift

    def _taken(self, images: Tensor, index: Tensor, flips: Tensor | None) -> Tensor:
        if flips is None:
            return images[index]
        # A turned patch is the patch with its pixels taken in another order: batches are cut and turned at once.
        pixels = self._orders[flips.reshape(-1)].view(*flips.shape, -1)  # a single one as index would be waited for
        return images.flatten(1)[index[..., None], pixels[..., None, :]].view(*index.shape, *images.shape[1:])

    @cached_property
    def _orders(self) -> Tensor:
        """The order of a patch's pixels after each of the eight flips, (8, P * P)."""
        size = self.inputs.shape[-1]
        pixels = torch.arange(size * size, device=self.inputs.device).view(1, size, size)
        return torch.stack([augmented(pixels, flip).flatten() for flip in range(SYMMETRIES)])


def augmented(images: Tensor, flip: int) -> Tensor:
    """Return images (N, 1, P, P) turned by one of the eight flips and transposes of a square; 0 changes nothing."""
    if flip & 1:
        images = images.flip(-1)
    if flip & 2:
        images = images.flip(-2)
    return images.transpose(-1, -2) if flip & 4 else images


@dataclass(frozen=True)
class Course:
    """One epoch: the ``order`` (N) of its patches, and the batches' ``flips`` and learning ``rates``.

    ``order`` and ``flips`` are on the device; ``flips`` is None where nothing is flipped. The last batch may be short.
    """

    order: Tensor
    flips: Tensor | None
    rates: list[float]

    @classmethod
    def of(cls, patches: Tensors, rates: list[float], *, augment: bool, epoch: int, seed: int) -> "Course":
        """Return epoch ``epoch`` of a training with this seed."""
        generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
        device = patches.inputs.device
        order = torch.randperm(len(patches), generator=generator).to(device)
        flips = torch.randint(SYMMETRIES, (len(rates),), generator=generator).to(device)
        return cls(order, flips if augment else None, rates)
