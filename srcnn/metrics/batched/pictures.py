"""Batches of pictures of one size, with features that are computed once for all of them.

A feature is a function of Pictures or of Pairs; ``feature(function)`` calls it the first time and remembers the
result. Pixels of bytes are summed as integers, exactly; everything else is float64.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor


class Pictures:
    """Pictures (N, H, W) or (N, H, W, C) on one device and on a scale whose full span is ``data_range``.

    ``data_range`` may be left out for uint8, where it is 255. Raises ValueError if it is missing or not positive, or
    if the pictures are empty, have another number of dimensions, or hold nan or infinity.
    """

    def __init__(self, images: Tensor, data_range: float | None = None) -> None:
        if images.ndim not in (3, 4) or images.numel() == 0:
            raise ValueError(f"pictures are (N, H, W) or (N, H, W, C) and not empty, not {tuple(images.shape)}")
        if images.dtype == torch.bool or images.is_complex():
            raise ValueError(f"pictures hold integers or floats, not {images.dtype}")
        if images.is_floating_point() and not bool(torch.isfinite(images).all()):
            raise ValueError(f"pictures hold nan or infinity in {tuple(images.shape)}")
        if data_range is None and images.dtype != torch.uint8:
            raise ValueError(f"data_range is required for {images.dtype} pictures (255 is assumed for uint8 only)")
        self.data_range = 255.0 if data_range is None else float(data_range)
        if not 0 < self.data_range < float("inf"):
            raise ValueError(f"data_range must be positive and finite, not {data_range}")
        self.images = images
        self._features: dict[Any, Any] = {}

    def feature(self, function: "Callable[[Pictures], Any]") -> Any:
        """Return what ``function`` makes of these pictures, computed once."""
        if function not in self._features:
            self._features[function] = function(self)
        return self._features[function]

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.images.shape[1], self.images.shape[2]

    @property
    def device(self) -> torch.device:
        """Where they lie."""
        return self.images.device


class Pairs:
    """Estimates, and the references that they are compared with; ``of`` says which reference each estimate has.

    Raises ValueError if both are not of one size, type, range and device, or ``of``, unless it lies on another device
    than the CPU, which would have to be waited for, names no reference.
    """

    def __init__(self, references: Pictures, estimates: Pictures, of: Sequence[int] | Tensor | None = None) -> None:
        ours, theirs = references.images, estimates.images
        if (ours.shape[1:], ours.dtype, ours.device) != (theirs.shape[1:], theirs.dtype, theirs.device):
            raise ValueError(
                f"references are {tuple(ours.shape)} {ours.dtype} on {ours.device} but estimates are "
                f"{tuple(theirs.shape)} {theirs.dtype} on {theirs.device}"
            )
        if references.data_range != estimates.data_range:
            raise ValueError(f"references range over {references.data_range}, estimates over {estimates.data_range}")
        chosen = torch.arange(len(ours)) if of is None else torch.as_tensor(of)
        if chosen.shape != (len(theirs),):
            raise ValueError(f"{len(theirs)} estimates need as many references, not {tuple(chosen.shape)}")
        if chosen.device.type == "cpu" and not bool(((chosen >= 0) & (chosen < len(ours))).all()):
            raise ValueError(f"there are {len(ours)} references, but one of {chosen.tolist()} is asked for")
        self.references, self.estimates = references, estimates
        self._of = None if of is None else chosen.to(ours.device, non_blocking=True)
        self._features: dict[Any, Any] = {}

    def feature(self, function: "Callable[[Pairs], Any]") -> Any:
        """Return what ``function`` makes of these pairs, computed once."""
        if function not in self._features:
            self._features[function] = function(self)
        return self._features[function]

    def both(self, function: Callable[[Pictures], Tensor]) -> tuple[Tensor, Tensor]:
        """Return a feature (N, ...) of each pair's reference, and that of its estimate."""
        ours = self.references.feature(function)
        return (ours if self._of is None else ours[self._of]), self.estimates.feature(function)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.estimates.shape

    @property
    def count(self) -> int:
        """The number of pixels in one band."""
        return self.shape[0] * self.shape[1]

    def undefined(self) -> Tensor:
        """Return nan for every pair."""
        return torch.full((len(self.estimates),), torch.nan, dtype=torch.float64, device=self.estimates.device)


# --- features that several metrics share --------------------------------------------------------
def planes(pictures: Pictures) -> Tensor:
    """Return the bands (N, C, H, W), contiguous: uint8 as they are, everything else as float64."""
    images = pictures.images if pictures.images.dtype == torch.uint8 else pictures.images.double()
    return images[:, None] if images.ndim == 3 else images.permute(0, 3, 1, 2).contiguous()


def double_planes(pictures: Pictures) -> Tensor:
    """Return the bands (N, C, H, W) as float64."""
    return pictures.feature(planes).double()


def double_luminance(pictures: Pictures) -> Tensor:
    """Return 0.299 R + 0.587 G + 0.114 B of three bands, else the mean of all, as float64 (N, H, W) on 0..255."""
    bands, scale = pictures.feature(planes), 255.0 / pictures.data_range
    if bands.shape[1] != 3:
        return bands.double().mean(dim=1) * scale
    red, green, blue = bands.double().unbind(dim=1)
    return (0.299 * red + 0.587 * green + 0.114 * blue) * scale


def byte_luminance(pictures: Pictures) -> Tensor:
    """Return ``double_luminance`` rounded to uint8 (N, H, W).

    Halves are rounded up, also where the arithmetic has put them a little below (hence 0.500001).
    """
    return (pictures.feature(double_luminance) + 0.500001).clamp(0, 255).byte()


def grey(pictures: Pictures) -> Tensor:
    """Return ``double_luminance``, of bytes rounded to whole numbers as MATLAB's rgb2gray is, as float64 (N, H, W)."""
    if pictures.images.dtype == torch.uint8:
        return pictures.feature(byte_luminance).double()
    luminance: Tensor = pictures.feature(double_luminance)
    return luminance


def sums(bands: Tensor) -> Tensor:
    """Return the sum over the pixels of each band (N, C, H, W), int32 or float64, as float64 (N, C)."""
    exact = torch.float64 if bands.is_floating_point() else torch.int64
    return bands.flatten(2).sum(dim=2, dtype=exact).double()


def wide(bands: Tensor) -> Tensor:
    """Return bands of bytes as int32, whose products they hold, and float64 as it is."""
    return bands.int() if bands.dtype == torch.uint8 else bands


def band_sums(pictures: Pictures) -> Tensor:
    """Return the sums of x in each band, as float64 (N, C); exact for uint8."""
    return sums(wide(pictures.feature(planes)))


def energy(pictures: Pictures) -> Tensor:
    """Return the sum of x^2 over all pixels and bands, as float64 (N); exact for uint8."""
    return sums(wide(pictures.feature(planes)).square()).sum(dim=1)


def squared_errors(pairs: Pairs) -> Tensor:
    """Return the sums of (x - y)^2 in each band, as float64 (N, C); exact for uint8."""
    x, y = pairs.both(planes)
    return sums((wide(x) - wide(y)).square())


def mean_squared_error(pairs: Pairs) -> Tensor:
    """Return the mean of (x - y)^2 over all pixels and bands, as float64 (N)."""
    errors: Tensor = pairs.feature(squared_errors)
    return errors.mean(dim=1) / pairs.count


def identical(pairs: Pairs) -> Tensor:
    """Say which pairs' pictures are equal in every pixel (N)."""
    errors: Tensor = pairs.feature(squared_errors)
    return (errors == 0).all(dim=1)
