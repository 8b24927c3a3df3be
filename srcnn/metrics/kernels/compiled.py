"""How kernels are compiled: ``jit``, ``summing`` and ``inlined``, by numba, which keeps them by their content."""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numba
from numba.core import caching, config

from srcnn.metrics.kernels.cache import KERNELS, cache_folder, sources_hash

_NUMBAS_OWN = (
    "UserProvidedCacheLocator",
    "InTreeCacheLocator",
    "UserWideCacheLocator",
    "IPythonCacheLocator",
    "ZipCacheLocator",
)


def _install() -> None:
    """Make numba keep our kernels by content, and whole; other code's kernels stay where numba puts them.

    Do nothing with a numba that has no such setting: then its own folders serve.
    """
    if hasattr(config, "CACHE_LOCATOR_CLASSES") and all(hasattr(caching, name) for name in _NUMBAS_OWN):
        before = config.CACHE_LOCATOR_CLASSES or ",".join(_NUMBAS_OWN)
        if "ByContent" not in before:
            config.CACHE_LOCATOR_CLASSES = f"{__name__}.ByContent,{before}"
            caching.IndexDataCacheFile = _sealing(caching.IndexDataCacheFile)  # type: ignore[misc]


def _sealing(numbas: Any) -> Any:
    """Return numba's class for the files of a kernel; ours end with the SHA-256 of what comes before.

    A file that is empty, cut or changed counts as absent, and the kernel is compiled again.
    """

    class Sealed(numbas):
        @contextmanager
        def _open_for_write(self, path: str) -> Iterator[Any]:
            content = io.BytesIO()
            yield content
            with super()._open_for_write(path) as file:  # unpickling ends before the seal
                file.write(content.getvalue() + hashlib.sha256(content.getvalue()).digest())

        def _load_index(self) -> Any:
            return super()._load_index() if _is_whole(self._index_path) else {}

        def _load_data(self, name: str) -> Any:
            if not _is_whole(self._data_path(name)):
                raise FileNotFoundError(name)  # which numba takes for a kernel that is not there yet
            return super()._load_data(name)

    def cache_file(cache_path: str, filename_base: str, source_stamp: str) -> Any:
        kind = Sealed if cache_path == str(cache_folder()) else numbas
        return kind(cache_path, filename_base, source_stamp)

    return cache_file


def _is_whole(path: str) -> bool:
    try:
        content = Path(path).read_bytes()
    except OSError:
        return False
    return hashlib.sha256(content[:-32]).digest() == content[-32:]


class ByContent:
    """numba's protocol for finding the cache of a function (see numba.core.caching)."""

    def __init__(self, function: Any):
        self._line = function.__code__.co_firstlineno

    @classmethod
    def from_function(cls, function: Any, file: str) -> "ByContent | None":
        """Return a locator for a kernel of ours, None for any other function."""
        return cls(function) if Path(file).parent == KERNELS else None

    def ensure_cache_path(self) -> None:
        """Make the folder."""
        cache_folder().mkdir(mode=0o700, parents=True, exist_ok=True)

    def get_cache_path(self) -> str:
        """Return the folder."""
        return str(cache_folder())

    def get_source_stamp(self) -> str:
        """Return what must be equal for a compiled kernel to be used."""
        return sources_hash()

    def get_disambiguator(self) -> str:
        """Return what tells functions of one name apart."""
        return str(self._line)


_install()  # before the first kernel is decorated, which looks for its cache

jit = numba.njit(cache=True, error_model="numpy", nogil=True)
# Sums may be reordered and multiply-adds fused, which is what lets them run eight at a time.
summing = numba.njit(cache=True, error_model="numpy", nogil=True, fastmath={"reassoc", "contract", "nsz"})
# A helper that adds up is inlined into a ``summing`` kernel: called, it might be another kernel's copy of it, which
# adds in another order, in the process that compiles than in those that load what it compiled.
inlined = numba.njit(
    cache=True, error_model="numpy", nogil=True, inline="always", fastmath={"reassoc", "contract", "nsz"}
)
