"""Training data: planes of luma in HDF5, and where patches are cut from them. With files.py the only module on disk.

Of each picture the file holds one plane of what the network is fed and one of the original, all pixels of all pictures
in a row. Patches overlap; they are cut when they are needed, so that no pixel is there twice.
"""

import hashlib
import json
import struct
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from srcnn.color import luma, own_standard, to_uint8
from srcnn.cutting import Cutting
from srcnn.damage import identity, is_content_fault, named, of_another_kind, remade
from srcnn.degrade import crop_to_multiple
from srcnn.experiment import DataConfig
from srcnn.files import atomic_path
from srcnn.hdf5 import writing
from srcnn.patches import extract_patches
from srcnn.regular import NotRegular, require_regular
from srcnn.schema import DIGEST, INPUT, INPUT_SCALE, MEAN, PARAMETERS, PICTURES, SIDES, SIZE, SOURCES, STD, TARGET
from srcnn.views import interpolated_bands, low_resolution_bands, reference, training_picture
from srcnn.whole import NotWhole

Plane = NDArray[np.generic]
ALIGNED = 4096  # bytes: where a data set begins in the file, so that it can be mapped


@dataclass(frozen=True)
class PicturePlanes:
    """What training takes of one picture: its planes, and the corners (y, x) of its patches on each side.

    ``input`` is (h, w) in 0..255, ``target`` (h * input_scale, w * input_scale); corners are in input pixels.
    ``total`` and ``squares`` are sums over the inputs of its training patches on [0, 1], ``count`` their pixels.
    """

    input: Plane
    target: Plane
    train: NDArray[np.int32]
    holdout: NDArray[np.int32]
    total: float
    squares: float
    count: int


@dataclass(frozen=True)
class TrainingPlanes:
    """A file of training data; ``inputs`` and ``targets`` are mapped from it, and read as they are needed.

    ``pictures`` (K, 3) holds each picture's first pixel in ``inputs``, that in ``targets``, and the width of its input.
    ``train`` and ``holdout`` (N, 3) hold each patch's picture, and its corner (y, x) in input pixels.
    ``mean`` and ``std`` are of the inputs of the training patches on [0, 1].
    """

    inputs: NDArray[np.generic]
    targets: NDArray[np.generic]
    pictures: NDArray[np.int64]
    train: NDArray[np.int32]
    holdout: NDArray[np.int32]
    size: int
    input_scale: int
    mean: float
    std: float


def held_out_pictures(groups: Sequence[str], share: float, seed: int | None = None) -> frozenset[int]:
    """Return the indices of whole pictures to hold out; none if the share is less than one.

    They are evenly spread or, with a ``seed``, the last after a shuffle with it, as Keras's ``validation_split`` takes.
    ``groups`` names the group of each picture, in order; the pictures of one group stay together, and one with more
    pictures than the share is not held out.
    """
    left = number = int(len(groups) * share)
    sizes = Counter(groups)
    eligible = [group for group in groups if sizes[group] <= number]
    places = [round((i + 0.5) * len(eligible) / number - 0.5) for i in range(number)] if eligible else []
    if seed is not None:
        order = list(range(len(eligible)))
        np.random.RandomState(seed).shuffle(order)
        places = order[-number:]
    chosen = set()
    for group in dict.fromkeys(eligible[place] for place in places):
        if sizes[group] <= left:
            chosen.add(group)
            left -= sizes[group]
    return frozenset(index for index, group in enumerate(groups) if group in chosen)


def cut_planes(
    picture: NDArray[np.uint8], data: DataConfig, input_scale: int, held_out: bool | None, grey: bool = False
) -> PicturePlanes:
    """Return the planes of a picture (H, W, 3), and where patches are cut from them.

    ``held_out`` True or False puts the whole picture on one side. None splits it: the bottom ``data.holdout`` (one
    patch high at least) is held out, and no training patch reaches into it.
    """
    cutting, data = Cutting.of(data, input_scale), data.of_training
    hr = crop_to_multiple(reference(training_picture(picture, data), data), input_scale).astype(np.uint8, copy=False)
    target: Plane = to_uint8(luma(hr, own_standard(data.luma, grey))).astype(data.dtype)
    bands = interpolated_bands(hr, data, grey) if input_scale == 1 else low_resolution_bands(hr, data, grey)
    fed: Plane = to_uint8(bands[..., 0]) if data.dtype == "uint8" else bands[..., 0].astype(np.float32)
    height = fed.shape[0]
    if held_out is None:
        band = max(cutting.size, round(height * data.holdout)) if data.holdout else 0
        seam = height - band
    else:
        seam = 0 if held_out else height
    train, holdout = _corners(fed[: max(0, seam)], cutting), _corners(fed[max(0, seam) :], cutting)
    holdout[:, 0] += max(0, seam)
    values = extract_patches(fed[: max(0, seam)], cutting.size, cutting.stride).astype(np.float64) / 255.0
    return PicturePlanes(fed, target, train, holdout, float(values.sum()), float((values**2).sum()), values.size)


def _corners(plane: Plane, cutting: Cutting) -> NDArray[np.int32]:
    """Return the corners (y, x) of the patches of a plane, row by row."""
    rows, columns = (range(0, length - cutting.size + 1, cutting.stride) for length in plane.shape)
    return np.array([(y, x) for y in rows for x in columns], np.int32).reshape(-1, 2)


def write_planes(
    path: Path,
    cut: Iterable[PicturePlanes],
    shapes: Sequence[tuple[int, int]],
    data: DataConfig,
    input_scale: int,
    sources: list[dict[str, Any]],
) -> int:
    """Write what ``cut_planes`` gave for each picture as one file; return the number of training patches.

    ``shapes`` are those of the input planes. Raises ValueError if no training patch comes out.
    """
    cutting = Cutting.of(data, input_scale)
    pixels = [height * width for height, width in shapes]
    first = np.concatenate([[0], np.cumsum(pixels)[:-1]]).astype(np.int64)
    pictures = np.stack([first, first * input_scale**2, [width for _, width in shapes]], axis=1)
    corners: dict[str, list[NDArray[np.int32]]] = {side: [] for side in SIDES}
    digests = {name: hashlib.sha256() for name in (INPUT, TARGET)}
    total, squares, count = 0.0, 0.0, 0
    # A data set that lies in one piece can be mapped; where it begins is a whole page.
    with atomic_path(path, durable=True) as temporary, writing(temporary, ALIGNED) as (file, disk):
        for name, scale in ((INPUT, 1), (TARGET, input_scale)):
            file.create_dataset(name, (sum(pixels) * scale**2,), data.dtype)
        for number, planes in enumerate(cut):
            for name, plane, start in (
                (INPUT, planes.input, pictures[number, 0]),
                (TARGET, planes.target, pictures[number, 1]),
            ):
                file[name][start : start + plane.size] = plane.reshape(-1)
                digests[name].update(np.ascontiguousarray(plane).data)
            disk.check()
            for side, places in zip(SIDES, (planes.train, planes.holdout), strict=True):
                corners[side].append(np.pad(places, ((0, 0), (1, 0)), constant_values=number))
            total, squares, count = total + planes.total, squares + planes.squares, count + planes.count
        if not count:
            raise ValueError(
                f"no training picture holds a patch of {data.patch_size}x{data.patch_size} pixels beside what is held "
                "out"
            )
        tables: dict[str, NDArray[np.generic]] = {PICTURES: pictures}
        tables |= {side: np.concatenate(corners[side]) for side in SIDES}
        for name, table in tables.items():
            file.create_dataset(name, data=table, compression="gzip", shuffle=True)
        mean = total / count
        file.attrs[MEAN] = mean
        file.attrs[STD] = max(squares / count - mean**2, 0.0) ** 0.5
        file.attrs[SIZE], file.attrs[INPUT_SCALE] = cutting.size, input_scale
        file.attrs[PARAMETERS] = data.model_dump_json(exclude={"test", "eval", "allow_leak"})
        file.attrs[SOURCES] = json.dumps(sources)
        digest = [digests[name].digest() for name in (INPUT, TARGET)]
        file.attrs[DIGEST] = _digest(
            digest, tables.values(), cutting.size, input_scale, file.attrs[MEAN], file.attrs[STD]
        )
        return len(tables["train"])


def read_planes(path: Path) -> TrainingPlanes:
    """Open a file of training data, and map its planes; every bit of it is read once, for its checksum.

    Raises DamagedFile, having set the file aside where that can be done.
    """
    seen = identity(path)
    try:
        require_regular(path)
        with h5py.File(path, "r", locking=False) as file:
            inputs, targets = (_mapped(file, path, name) for name in (INPUT, TARGET))
            tables = {name: _inside(file, name)[:] for name in (PICTURES, *SIDES)}
            mean, std = float(file.attrs[MEAN]), float(file.attrs[STD])
            size, input_scale = int(file.attrs[SIZE]), int(file.attrs[INPUT_SCALE])
            digest = [hashlib.sha256(plane.data).digest() for plane in (inputs, targets)]
            if file.attrs[DIGEST] != _digest(digest, tables.values(), size, input_scale, mean, std):
                raise NotWhole("its content does not give its checksum")
        return TrainingPlanes(
            inputs,
            targets,
            tables[PICTURES],
            tables["train"],
            tables["holdout"],
            size,
            input_scale,
            mean,
            std,
        )
    except (OSError, LookupError, TypeError, ValueError, RuntimeError) as error:
        if not is_content_fault(error):
            raise named(error, path) from error
        told = isinstance(error, NotWhole | NotRegular | IsADirectoryError)
        reason = error if told else "it does not hold what training reads, or is cut"
        raise remade(path, of_another_kind(path, b"\x89HDF", "HDF5") or reason, seen) from error


def _inside(file: h5py.File, name: str) -> h5py.Dataset:
    """Return a data set that the file itself holds. Raises NotWhole for one elsewhere.

    HDF5 opens what a link names, a pipe too, and makes up what was never written.
    """
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise NotWhole(f"{name} is not in it, or a link")
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset) or dataset.is_virtual or dataset.external:
        raise NotWhole(f"{name} is no data set of its own")
    if dataset.nbytes > MOST_TABLE_BYTES:
        raise NotWhole(f"{name} states {dataset.nbytes:,} bytes")
    return dataset


MOST_TABLE_BYTES = 1 << 34  # of patches' corners: beyond what any set of pictures has


def _mapped(file: h5py.File, path: Path, name: str) -> NDArray[np.generic]:
    """Map a plane of the file into memory. Raises NotWhole for one that does not lie there in one piece."""
    dataset = _inside(file, name)
    start, size = dataset.id.get_offset(), path.stat().st_size
    if dataset.ndim != 1 or dataset.dtype not in (np.uint8, np.float32):
        raise NotWhole(f"{name} is no row of pixels")
    if start is None or start + dataset.nbytes > size:
        raise NotWhole(f"{name} states {dataset.nbytes:,} bytes, and the file has {size:,}")
    # Copied when written to, which nobody does: torch warns of memory that it must not write to.
    return np.memmap(path, dataset.dtype, "c", start, dataset.shape)


def _digest(
    planes: Iterable[bytes],
    tables: Iterable[NDArray[np.generic]],
    size: int,
    input_scale: int,
    mean: float,
    std: float,
) -> str:
    """Return the SHA-256 of all that is read of a file."""
    whole = hashlib.sha256(b"".join(planes))
    for table in tables:
        whole.update(np.ascontiguousarray(table).data)
    whole.update(struct.pack("<2q2d", size, input_scale, mean, std))
    return whole.hexdigest()
