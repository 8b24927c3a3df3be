"""Pictures as the metrics see them: checked once, with features that are computed once.

A feature is a function of a MeasuredPicture or of a MeasuredPair; ``feature(function)`` calls it the first time
and remembers the result, so that six crops share what is known of their reference, and PSNR, RMSE,
SRE and COS share one pass over a pair.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from srcnn.metrics import kernels

Array = NDArray[np.generic]
Feature = TypeVar("Feature")


class MeasuredPicture:
    """A picture (H, W) or (H, W, C) on a scale whose full span is ``data_range``.

    ``data_range`` may be left out for uint8, where it is 255. Raises ValueError if it is missing or not
    positive, or if the picture is empty, has another number of dimensions, is not of real numbers, or
    holds nan or infinity.
    """

    def __init__(self, image: Array, data_range: float | None = None) -> None:
        image = np.asarray(image)
        if image.ndim not in (2, 3) or image.size == 0:
            raise ValueError(f"a picture is (H, W) or (H, W, C) and not empty, not {image.shape}")
        if not (np.issubdtype(image.dtype, np.integer) or np.issubdtype(image.dtype, np.floating)):
            raise ValueError(f"a picture holds integers or floats, not {image.dtype}")
        if np.issubdtype(image.dtype, np.floating) and not np.isfinite(image).all():
            bad = np.argwhere(~np.isfinite(image))[0].tolist()
            raise ValueError(f"a picture holds nan or infinity: {image[tuple(bad)]} at {bad} of {image.shape}")
        if data_range is None and image.dtype != np.uint8:
            raise ValueError(f"data_range is required for {image.dtype} pictures (255 is assumed for uint8 only)")
        self.data_range = 255.0 if data_range is None else float(data_range)
        if not 0 < self.data_range < np.inf:
            raise ValueError(f"data_range must be positive and finite, not {data_range}")
        self.image = image
        self._features: dict[Any, Any] = {}

    def feature(self, function: "Callable[[MeasuredPicture], Feature]") -> Feature:
        """Return what ``function`` makes of this picture, computed once."""
        if function not in self._features:
            self._features[function] = function(self)
        return self._features[function]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.image.shape[0], self.image.shape[1]


class MeasuredPair:
    """Two pictures of one shape, dtype and data range, and what is computed of both together."""

    def __init__(self, reference: MeasuredPicture, estimate: MeasuredPicture) -> None:
        self.reference, self.estimate = reference, estimate
        self._features: dict[Any, Any] = {}

    def feature(self, function: "Callable[[MeasuredPair], Feature]") -> Feature:
        """Return what ``function`` makes of this pair, computed once."""
        if function not in self._features:
            self._features[function] = function(self)
        return self._features[function]

    @property
    def count(self) -> int:
        """The number of pixels in one band."""
        return self.reference.shape[0] * self.reference.shape[1]


# --- features that several metrics share --------------------------------------------------------
def planes(picture: MeasuredPicture) -> Array:
    """Return the bands (C, H, W), contiguous: uint8 as they are, everything else as float64."""
    image = picture.image if picture.image.dtype == np.uint8 else picture.image.astype(np.float64)
    image = np.ascontiguousarray(image)
    return image[None] if image.ndim == 2 else kernels.sums.split_bands(image)


def byte_planes(picture: MeasuredPicture) -> Array:
    """Return the bands (C, H, W) as uint8, which the package's faults are defined on.

    uint8 stays as it is; everything else is brought from ``data_range`` to 0..255, rounded and clipped.
    """
    bands: Any = picture.feature(planes)
    if bands.dtype == np.uint8:
        return bands
    return np.clip(np.rint(bands * (255.0 / picture.data_range)), 0, 255).astype(np.uint8)


def luminance(picture: MeasuredPicture) -> NDArray[np.float32]:
    """Return 0.299 R + 0.587 G + 0.114 B of three bands, else the mean of all, as float32 (H, W) on 0..255."""
    bands, scale = picture.feature(planes), 255.0 / picture.data_range
    if len(bands) == 3:
        return kernels.sums.luminance(bands, scale)
    return (bands.mean(axis=0, dtype=np.float64) * scale).astype(np.float32)


def byte_luminance(picture: MeasuredPicture) -> NDArray[np.uint8]:
    """Return ``luminance`` rounded to uint8 (H, W)."""
    bands, scale = picture.feature(planes), 255.0 / picture.data_range
    if len(bands) == 3:
        return kernels.sums.byte_luminance(bands, scale)
    grey = bands.mean(axis=0, dtype=np.float64) * scale
    return np.clip(grey + 0.500001, 0, 255).astype(np.uint8)


def grey(picture: MeasuredPicture) -> Array:
    """Return the luminance (H, W) on 0..255: of bytes rounded to uint8, as MATLAB's rgb2gray is, of others float64.

    For metrics whose authors' programs take one band.
    """
    bands: Any = picture.feature(planes)
    if bands.dtype == np.uint8:
        return bands[0] if len(bands) == 1 else picture.feature(byte_luminance)
    return on_bytes_scale(bands, picture.data_range)


def on_bytes_scale(bands: Any, data_range: float) -> NDArray[np.float64]:
    """Return 0.299 R + 0.587 G + 0.114 B of three bands, else the mean of all, as float64 (H, W) on 0..255."""
    scale = 255.0 / data_range
    if len(bands) == 3:
        return kernels.reduced.weighted(bands, 0.299 * scale, 0.587 * scale, 0.114 * scale)
    grey: NDArray[np.float64] = bands.mean(axis=0, dtype=np.float64) * scale
    return grey


def band_sums(picture: MeasuredPicture) -> NDArray[np.float64]:
    """Return the sums of x and of x^2 in each band, as (C, 2); exact for uint8."""
    return kernels.sums.band_sums(picture.feature(planes))


def pair_sums(pair: MeasuredPair) -> NDArray[np.float64]:
    """Return the sums of (x - y)^2 and of x y in each band, as (C, 2); exact for uint8."""
    return kernels.sums.pair_sums(pair.reference.feature(planes), pair.estimate.feature(planes))


def byte_pair_sums(pair: MeasuredPair) -> NDArray[np.float64]:
    """Return ``pair_sums`` of the pictures as uint8."""
    if pair.reference.image.dtype == np.uint8:
        return pair.feature(pair_sums)
    return kernels.sums.pair_sums(pair.reference.feature(byte_planes), pair.estimate.feature(byte_planes))


def identical(pair: MeasuredPair) -> bool:
    """Say whether the pictures are equal in every pixel."""
    return not pair.feature(pair_sums)[:, 0].any()
