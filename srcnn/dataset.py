"""Training patches: cut from luma, kept in HDF5. With files.py the only module here on disk."""

import hashlib
import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from srcnn.color import luma, own_standard, to_uint8
from srcnn.damage import identity, is_content_fault, named, of_another_kind, remade
from srcnn.experiment import DataConfig
from srcnn.files import atomic_path
from srcnn.hdf5 import writing
from srcnn.patches import extract_patches
from srcnn.regular import NotRegular, require_regular
from srcnn.schema import DIGEST, MEAN, PARAMETERS, PATCH_DATASETS, SOURCES, STD
from srcnn.views import interpolated_bands, reference
from srcnn.whole import NotWhole

Patches = NDArray[np.generic]
CHUNK_BYTES = 1 << 20  # about a thousand default patches; single-row chunks made reading 200 times slower


@dataclass(frozen=True)
class TrainingPatches:
    """Interpolated inputs and their originals (N, P, P) in 0..255, for training and held out.

    ``mean`` and ``std`` are of ``train_input`` on [0, 1].
    """

    train_input: Patches
    train_target: Patches
    holdout_input: Patches
    holdout_target: Patches
    mean: float
    std: float


def held_out_pictures(count: int, share: float) -> frozenset[int]:
    """Return the indices of whole pictures to hold out, evenly spread; none if the share is less than one picture."""
    number = int(count * share)
    return frozenset(round((i + 0.5) * count / number - 0.5) for i in range(number))


def cut_patches(
    picture: NDArray[np.uint8], data: DataConfig, held_out: bool | None, grey: bool = False
) -> tuple[Patches, ...]:
    """Return the patches (N, P, P) of an RGB picture (H, W, 3), in the order of PATCH_DATASETS.

    ``held_out`` True or False puts the whole picture on one side. None splits it: the bottom
    ``data.holdout`` (one patch high at least) is held out, and no training patch reaches into it.
    ``grey``: the picture was stored in one band (``srcnn.color.own_standard``).
    """
    hr = reference(picture, data)
    target = to_uint8(luma(hr, own_standard(data.luma, grey)))
    bands = interpolated_bands(hr, data, grey)
    source: Patches = to_uint8(bands[..., 0]) if data.dtype == "uint8" else bands[..., 0].astype(np.float32)
    pair = [source, target.astype(data.dtype)]
    height = target.shape[0]
    if held_out is None:
        band = max(data.patch_size, round(height * data.holdout)) if data.holdout else 0
        seam = height - band
    else:
        seam = 0 if held_out else height
    sides = [(slice(0, seam), image) for image in pair] + [(slice(seam, height), image) for image in pair]
    return tuple(_flat(extract_patches(image[rows], data.patch_size, data.stride)) for rows, image in sides)


def _flat(grid: Patches) -> Patches:
    return grid.reshape(-1, *grid.shape[2:])


def write_patches(
    path: Path, cut: Iterable[tuple[Patches, ...]], data: DataConfig, sources: list[dict[str, Any]]
) -> int:
    """Write what ``cut_patches`` gave for each picture as one HDF5 file, and return the number of training patches.

    Raises ValueError if there is no training patch.
    """
    size = data.patch_size
    total, squares, count = 0.0, 0.0, 0
    digests = {name: hashlib.sha256() for name in PATCH_DATASETS}
    chunk = max(1, CHUNK_BYTES // (size**2 * np.dtype(data.dtype).itemsize))  # a chunk is never cut short on disk
    with atomic_path(path, durable=True) as temporary, writing(temporary) as (file, disk):
        for name in PATCH_DATASETS:
            file.create_dataset(
                name,
                (0, size, size),
                data.dtype,
                maxshape=(None, size, size),
                chunks=(chunk, size, size),
                fletcher32=True,  # a checksum, so that damage is known when it is read
            )
        for patches in cut:
            for name, values in zip(PATCH_DATASETS, patches, strict=True):
                dataset = file[name]
                dataset.resize(len(dataset) + len(values), axis=0)
                dataset[len(dataset) - len(values) :] = values
                digests[name].update(np.ascontiguousarray(values, dataset.dtype).data)
            disk.check()
            values = patches[0].astype(np.float64) / 255.0
            total, squares, count = total + values.sum(), squares + (values**2).sum(), count + values.size
        if not count:
            raise ValueError(f"no training picture holds a patch of {size}x{size} pixels beside what is held out")
        mean = total / count
        file.attrs[MEAN] = mean
        file.attrs[STD] = max(squares / count - mean**2, 0.0) ** 0.5
        file.attrs[PARAMETERS] = data.model_dump_json(exclude={"test", "eval", "allow_leak"})
        file.attrs[SOURCES] = json.dumps(sources)
        file.attrs[DIGEST] = _digest(digests.values(), file.attrs[MEAN], file.attrs[STD])
        return len(file[PATCH_DATASETS[0]])


def read_patches(path: Path) -> TrainingPatches:
    """Return all patches of a file, read into memory at once.

    Raises DamagedFile, after the file was set aside where that can be done.
    """
    seen = identity(path)
    try:
        require_regular(path)
        with h5py.File(path, "r", locking=False) as file:
            arrays = {name: _inside(file, name, path.stat().st_size)[:] for name in PATCH_DATASETS}
            mean, std = float(file.attrs[MEAN]), float(file.attrs[STD])
            if file.attrs[DIGEST] != _digest(map(hashlib.sha256, arrays.values()), mean, std):
                raise NotWhole("its content does not give its checksum")
            return TrainingPatches(**arrays, mean=mean, std=std)
    except (OSError, LookupError, TypeError, ValueError, RuntimeError) as error:
        if not is_content_fault(error):
            raise named(error, path) from error
        told = isinstance(error, NotWhole | NotRegular | IsADirectoryError)
        reason = error if told else "it does not hold what training reads, or is cut"
        raise remade(path, of_another_kind(path, b"\x89HDF", "HDF5") or reason, seen) from error


def _inside(file: h5py.File, name: str, size: int) -> h5py.Dataset:
    """Return a data set that the file itself holds. Raises NotWhole for one elsewhere, or larger than the file.

    HDF5 opens what a link names, a pipe too, and makes up what was never written.
    """
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise NotWhole(f"{name} is not in it, or a link")
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset) or dataset.is_virtual or dataset.external:
        raise NotWhole(f"{name} is not a data set of its own")
    if dataset.nbytes > size:
        raise NotWhole(f"{name} states {dataset.nbytes:,} bytes, and the file has {size:,}")
    return dataset


def _digest(datasets: Iterable[Any], mean: float, std: float) -> str:
    """Return the SHA-256 of all that is read of a file: of the data sets' digests in their order, and of the scale."""
    parts = [dataset.digest() for dataset in datasets]
    return hashlib.sha256(b"".join(parts) + struct.pack("<2d", mean, std)).hexdigest()
