"""The weights of a checkpoint as arrays, read without torch, which takes seconds to import.

The archive is a zip file: a pickle whose tensors name their storages, and each storage as a file of plain numbers.
Of the pickle no class is looked up but the few that stand for tensors here.
"""

import collections
import io
import math
import pickle
import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srcnn.whole import is_sealed, unpacks_to_more

_KINDS = {
    f"{name}Storage": kind
    for name, kind in {
        "Double": "<f8",
        "Float": "<f4",
        "Half": "<f2",
        "Long": "<i8",
        "Int": "<i4",
        "Short": "<i2",
        "Char": "<i1",
        "Byte": "<u1",
        "Bool": "?",
    }.items()
}


@dataclass(frozen=True)
class KeptTensor:
    """A tensor that is not read yet: where its numbers lie, and its shape."""

    storage: str
    kind: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class KeptWeights:
    """The weights of a checkpoint, by the names that its network gives them."""

    def __init__(self, content: bytes) -> None:
        """Open a checkpoint's content. Raises ValueError if it is damaged, or is none."""
        if not is_sealed(content) or unpacks_to_more(io.BytesIO(content), len(content)):
            raise ValueError("is not a whole checkpoint")
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(content))
            names = {name.rpartition("/")[2]: name for name in self._archive.namelist() if "/data/" not in name}
            self._root = names["data.pkl"].rpartition("/")[0]
            state = _Reader(io.BytesIO(self._archive.read(names["data.pkl"]))).load()
            self.shapes = {str(name): value.shape for name, value in state["model"].items()}
            self._tensors: dict[str, KeptTensor] = dict(state["model"])
        except Exception as error:  # of a pickle that was written by something else, a dozen types
            raise ValueError(f"holds something else than a checkpoint ({error})") from error

    def array(self, name: str) -> NDArray[Any]:
        """Return the weights of this name. Raises ValueError if their numbers are not there."""
        tensor = self._tensors[name]
        try:
            numbers = np.frombuffer(self._archive.read(f"{self._root}/data/{tensor.storage}"), tensor.kind)
        except (KeyError, zipfile.BadZipFile) as error:
            raise ValueError(f"lacks the numbers of {name}") from error
        ends = [(side - 1) * stride for side, stride in zip(tensor.shape, tensor.strides, strict=True)]
        known = min((*ends, *tensor.shape, tensor.offset), default=0) >= 0 and math.prod(tensor.shape) <= len(numbers)
        if not known or tensor.offset + sum(ends) >= len(numbers):
            raise ValueError(f"lacks some of the numbers of {name}")
        steps = [stride * numbers.itemsize for stride in tensor.strides]
        return np.lib.stride_tricks.as_strided(numbers[tensor.offset :], tensor.shape, steps).copy()


class _Reader(pickle.Unpickler):
    """A reader of pickles that knows plain values, ordered dictionaries and tensors, and calls nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch" and name.endswith("Storage"):
            return _KINDS.get(name, "")
        raise pickle.UnpicklingError(f"{module}.{name} is not of a checkpoint")

    def persistent_load(self, pid: Any) -> Any:
        _, kind, key, *_ = pid
        return key, kind


def _tensor(storage: tuple[str, str], offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any) -> Any:
    key, kind = storage
    return KeptTensor(str(key), kind, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))
