"""ENLARGERS: the upsamplers of UPSAMPLERS as torch computes them, batches of one size at once, on any device.

Each resamples lines by a matrix of weights, first along the rows and then along the columns. Sums are float64, in which
Pillow's products of integers are exact: the pictures are Pillow's, and the same on every device.
"""

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from srcnn.resize import cubic, weights

Floats = NDArray[np.float64]
Enlarger = Callable[[Tensor, int, int], Tensor]
_BITS = 22  # of the fraction of Pillow's weights: 32, less 8 of a pixel and 2 for sums beyond its range


def _triangle(x: Floats) -> Floats:
    return np.clip(1.0 - np.abs(x), 0.0, None)


def _lanczos(x: Floats) -> Floats:
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0.0)


# Pillow's filters, by how many pixels they reach.
_FILTERS: dict[str, tuple[Callable[[Floats], Floats], float]] = {
    "bilinear": (_triangle, 1.0),
    "bicubic": (cubic, 2.0),
    "lanczos": (_lanczos, 3.0),
}


@lru_cache(maxsize=64)
def _pillow_weights(size: int, new_size: int, name: str, device: torch.device) -> Tensor:
    """Return Pillow's matrix (new_size, size) for lines of ``size`` bytes, as whole numbers of 1 / 2^22."""
    function, radius = _FILTERS[name]
    ratio = size / new_size
    shrink = max(1.0, ratio)
    centre = (np.arange(new_size) + 0.5) * ratio
    first = np.clip(np.trunc(centre - radius * shrink + 0.5), 0, None)
    beyond = np.clip(np.trunc(centre + radius * shrink + 0.5), None, size)
    place = first[:, None] + np.arange(int(np.ceil(radius * shrink)) * 2 + 1)
    inside = place < beyond[:, None]
    values = np.where(inside, function((place - centre[:, None] + 0.5) / shrink), 0.0)
    values /= np.add.accumulate(values, axis=1)[:, -1:]  # added one by one, as Pillow does
    matrix = np.zeros((new_size, size))
    rows, taps = np.nonzero(inside)
    whole = np.trunc(values * 2.0**_BITS + np.copysign(0.5, values))
    matrix[rows, place[rows, taps].astype(int)] = whole[rows, taps]
    return torch.from_numpy(matrix).to(device)


def _pillow(name: str, pictures: Tensor, height: int, width: int) -> Tensor:
    bands = _to_bands(pictures)
    old_height, old_width = bands.shape[-2:]
    if width != old_width:
        bands = _rounded(bands.double() @ _pillow_weights(old_width, width, name, bands.device).mT)
    if height != old_height:
        bands = _rounded(_pillow_weights(old_height, height, name, bands.device) @ bands.double())
    return _from_bands(bands, pictures)


def _rounded(sums: Tensor) -> Tensor:
    """Return whole numbers of 1 / 2^22 as bytes; halves are rounded up."""
    return sums.add_(2.0 ** (_BITS - 1)).mul_(2.0**-_BITS).floor_().clamp_(0, 255).byte()


def _nearest(pictures: Tensor, height: int, width: int) -> Tensor:
    rows, columns = (
        _nearest_places(*sizes, pictures.device) for sizes in zip(pictures.shape[1:3], (height, width), strict=True)
    )
    return pictures[:, rows][:, :, columns]


@lru_cache(maxsize=64)
def _nearest_places(size: int, new_size: int, device: torch.device) -> Tensor:
    """Return which pixel of ``size`` Pillow takes for each of ``new_size``: it adds up rounded steps, so we ask it."""
    line = Image.fromarray(np.arange(size, dtype=np.int32)[None])
    places = np.array(line.resize((new_size, 1), Image.Resampling.NEAREST))[0]
    return torch.from_numpy(places.astype(np.int64)).to(device)


def resize(pictures: Tensor, height: int, width: int, kernel: str = "cubic") -> Tensor:
    """Return pictures (N, H, W[, C]) resampled to (N, height, width[, C]), float64 and unclipped, in the same range.

    The kernels are those of ``srcnn.resize``.
    """
    bands = _to_bands(pictures).double()
    rows = _weights(bands.shape[-2], height, kernel, bands.device) @ bands
    return _from_bands(rows @ _weights(bands.shape[-1], width, kernel, bands.device).mT, pictures)


@lru_cache(maxsize=64)
def _weights(size: int, new_size: int, kernel: str, device: torch.device) -> Tensor:
    return torch.from_numpy(weights(size, new_size, kernel).toarray()).to(device)


def _zero_stuffing(pictures: Tensor, height: int, width: int) -> Tensor:
    return resize(pictures, height, width, "sinc").round_().clamp_(0, 255).byte()


def _to_bands(pictures: Tensor) -> Tensor:
    """Return the bands (N, C, H, W) of pictures (N, H, W, C), or (N, H, W) as they are."""
    return pictures if pictures.ndim == 3 else pictures.permute(0, 3, 1, 2).contiguous()


def _from_bands(bands: Tensor, like: Tensor) -> Tensor:
    return bands if like.ndim == 3 else bands.permute(0, 2, 3, 1)


ENLARGERS: dict[str, Enlarger] = {
    "nearest": _nearest,
    "bilinear": partial(_pillow, "bilinear"),
    "bicubic": partial(_pillow, "bicubic"),
    "lanczos": partial(_pillow, "lanczos"),
    "zero_stuffing": _zero_stuffing,
}


def enlarge(pictures: Tensor, height: int, width: int, upsampler: str = "bicubic") -> Tensor:
    """Return every picture (N, H, W[, 3]), uint8, enlarged to (N, height, width[, 3]) by the named upsampler.

    Raises ValueError for other types, or a name that is not in ENLARGERS.
    """
    if pictures.dtype != torch.uint8 or pictures.ndim not in (3, 4):
        raise ValueError(f"pictures are uint8 (N, H, W) or (N, H, W, C), not {pictures.dtype} {tuple(pictures.shape)}")
    if upsampler not in ENLARGERS:
        raise ValueError(f"upsampler {upsampler!r} has no form for batches; those that have: {', '.join(ENLARGERS)}")
    return ENLARGERS[upsampler](pictures, height, width)
