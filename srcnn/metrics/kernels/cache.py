"""Where compiled kernels are kept: once per machine and user, whatever folder the code lies in.

numba keys its cache by the path of the source file, so every snapshot of the code that a study
submits would be compiled again, by every task at once. Here the key is the content of the kernels.
"""

import hashlib
import io
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
_NUMBAS_OWN = (
    "UserProvidedCacheLocator",
    "InTreeCacheLocator",
    "UserWideCacheLocator",
    "IPythonCacheLocator",
    "ZipCacheLocator",
)


@cache
def sources_hash() -> str:
    """Hash of all kernels: a change in one may be inlined in another."""
    digest = hashlib.sha256()
    for path in sorted(_HERE.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def cache_folder() -> Path:
    """The folder for compiled kernels: NUMBA_CACHE_DIR, else the user's cache, else a temporary one.

    numba unpickles what it finds there, so nobody else may be able to write into it.
    """
    named = os.environ.get("NUMBA_CACHE_DIR")
    usual = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    for base in (Path(named) if named else usual, Path(tempfile.gettempdir()) / f"cache-{os.getuid()}"):
        folder = base / "srcnn-kernels" / sources_hash()
        with suppress(OSError):
            base.mkdir(mode=0o700, parents=True, exist_ok=True)
            if all(map(_is_made_ours, (folder.parent, folder))) and os.access(folder, os.W_OK):
                return folder
    return Path(tempfile.mkdtemp(prefix="srcnn-kernels-"))


def _is_made_ours(folder: Path) -> bool:
    """Whether a folder, made where there is none, is our own and no link, and only we may write into it."""
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    about = folder.lstat()
    return stat.S_ISDIR(about.st_mode) and about.st_uid == os.getuid() and not about.st_mode & 0o022


def install() -> None:
    """Make numba keep our kernels by content, and whole; other code's kernels stay where numba puts them.

    Does nothing with a numba that has no such setting: then its own folders serve.
    """
    from numba.core import caching, config

    if hasattr(config, "CACHE_LOCATOR_CLASSES") and all(hasattr(caching, name) for name in _NUMBAS_OWN):
        before = config.CACHE_LOCATOR_CLASSES or ",".join(_NUMBAS_OWN)
        if "ByContent" not in before:
            config.CACHE_LOCATOR_CLASSES = f"{__name__}.ByContent,{before}"
            caching.IndexDataCacheFile = _sealing(caching.IndexDataCacheFile)  # type: ignore[misc]


def _sealing(numbas: Any) -> Any:
    """Numba's class for the files of a kernel; ours end with the SHA-256 of what comes before.

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
        """A locator for our kernels, None for anything else."""
        return cls(function) if Path(file).parent == _HERE else None

    def ensure_cache_path(self) -> None:
        """Make the folder."""
        cache_folder().mkdir(mode=0o700, parents=True, exist_ok=True)

    def get_cache_path(self) -> str:
        """The folder."""
        return str(cache_folder())

    def get_source_stamp(self) -> str:
        """What must be equal for a compiled kernel to be used."""
        return sources_hash()

    def get_disambiguator(self) -> str:
        """What tells functions of one name apart."""
        return str(self._line)
