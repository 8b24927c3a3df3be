"""Patches on the training device, and the batches that an epoch makes of them.

Every random choice of an epoch comes from (seed, epoch) alone, so that training resumed at an
epoch's start continues exactly as if it had never stopped, on whatever device.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from srcnn.dataset import TrainingPlanes
from srcnn.deprocess import Standardisation
from srcnn.schema import Side

SYMMETRIES = 8  # of a square


@dataclass(frozen=True)
class Cuts:
    """Square patches, cut from planes that lie one after another in ``pixels`` (P,), in the type they were stored in.

    Patch n begins at pixel ``starts[n]`` (int64), and its rows are ``widths[n]`` (int32) pixels apart; ``size`` is its
    side.
    """

    pixels: Tensor
    starts: Tensor
    widths: Tensor
    size: int

    def __len__(self) -> int:
        return len(self.starts)

    def take(self, index: Tensor, flips: Tensor | None = None) -> Tensor:
        """Return patches (*index.shape, 1, size, size); those of each row of ``index`` turned by the row's flip."""
        # A turned patch is the patch with its pixels taken in another order: batches are cut and turned at once.
        rows, columns = self._places
        if flips is None:
            rows, columns = rows[0], columns[0]
        else:
            rows, columns = (each[flips.reshape(-1)].view(*flips.shape, 1, -1) for each in (rows, columns))
        # A CPU multiplies 32-bit integers twenty times as fast as those of 64 bits, which only the sum needs.
        places = (rows * self.widths[index][..., None] + columns).long() + self.starts[index][..., None]
        return self.pixels.index_select(0, places.reshape(-1)).view(*index.shape, 1, self.size, self.size)

    @cached_property
    def _places(self) -> tuple[Tensor, Tensor]:
        """Rows and columns of a patch's pixels in their order after each flip, both (8, size * size)."""
        numbers = torch.arange(self.size**2, device=self.pixels.device, dtype=torch.int32)
        square = numbers.view(1, self.size, self.size)
        orders = torch.stack([augmented(square, flip).flatten() for flip in range(SYMMETRIES)])
        return orders // self.size, orders % self.size


@dataclass(frozen=True)
class Patches:
    """Pairs of patches on the training device: what the network is fed, and the originals.

    ``standardisation`` leads to the network's scale of values.
    """

    inputs: Cuts
    targets: Cuts
    standardisation: Standardisation

    @classmethod
    def of(
        cls, inputs: np.ndarray, targets: np.ndarray, standardisation: Standardisation, device: torch.device
    ) -> "Patches":
        """Return patches (N, h, h) and (N, H, H) in 0..255, copied to the device: each is a plane of its own."""

        def cuts(images: np.ndarray) -> Cuts:
            count, size = images.shape[:2]
            starts = torch.arange(count, device=device) * size**2
            pixels = torch.from_numpy(np.ascontiguousarray(images)).flatten().to(device)
            return Cuts(pixels, starts, torch.full_like(starts, size, dtype=torch.int32), size)

        return cls(cuts(inputs), cuts(targets), standardisation)

    @classmethod
    def cut_from(
        cls, planes: TrainingPlanes, side: Side, standardisation: Standardisation, device: torch.device
    ) -> "Patches":
        """Return the patches of one side, with the planes on the device; a CPU reads them from the file as it needs."""
        corners = torch.from_numpy(planes.train if side == "train" else planes.holdout).long()
        first_input, first_target, width = torch.from_numpy(planes.pictures)[corners[:, 0]].unbind(1)
        inputs, targets = (torch.from_numpy(each).to(device) for each in (planes.inputs, planes.targets))
        scale, (y, x) = planes.input_scale, corners[:, 1:].unbind(1)
        places = (first_input + y * width + x, width, first_target + scale * (y * width * scale + x), width * scale)
        starts, widths, target_starts, target_widths = (each.to(device) for each in places)
        return cls(
            Cuts(inputs, starts, widths.int(), planes.size),
            Cuts(targets, target_starts, target_widths.int(), planes.size * scale),
            standardisation,
        )

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def device(self) -> torch.device:
        """The device that they lie on."""
        return self.inputs.pixels.device

    def batch(self, index: Tensor, flips: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return inputs and targets at these positions, (*index.shape, 1, h, h), float32 on the network's scale.

        The patches of each row of ``index`` are turned by the one of ``flips`` that is its row's, of those
        that ``augmented`` knows.
        """
        scale, shift = 255.0 * self.standardisation.std, self.standardisation.mean / self.standardisation.std
        inputs, targets = (cuts.take(index, flips).float() for cuts in (self.inputs, self.targets))
        return inputs / scale - shift, targets / scale - shift


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
    def of(cls, patches: Patches, rates: list[float], *, augment: bool, epoch: int, seed: int) -> "Course":
        """Return epoch ``epoch`` of a training with this seed."""
        generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
        device = patches.device
        order = torch.randperm(len(patches), generator=generator).to(device)
        flips = torch.randint(SYMMETRIES, (len(rates),), generator=generator).to(device)
        return cls(order, flips if augment else None, rates)
