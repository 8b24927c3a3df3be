"""Where compiled kernels are kept: once per machine and user, whatever folder the code lies in.

numba keys its cache by the path of the source file, so every snapshot of the code that a study
submits would be compiled again, by every task at once. Here the key is the content of the kernels.
"""

import hashlib
import os
import tempfile
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
    """The folder for compiled kernels: NUMBA_CACHE_DIR, else the user's cache, else a temporary one."""
    named = os.environ.get("NUMBA_CACHE_DIR")
    usual = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    for base in (Path(named) if named else usual, Path(tempfile.gettempdir()) / f"cache-{os.getuid()}"):
        folder = base / "srcnn-kernels" / sources_hash()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    return Path(tempfile.mkdtemp(prefix="srcnn-kernels-"))


def install() -> None:
    """Make numba keep our kernels by content; other code's kernels stay where numba puts them.

    Does nothing with a numba that has no such setting: then its own folders serve.
    """
    from numba.core import caching, config

    if hasattr(config, "CACHE_LOCATOR_CLASSES") and all(hasattr(caching, name) for name in _NUMBAS_OWN):
        before = config.CACHE_LOCATOR_CLASSES or ",".join(_NUMBAS_OWN)
        if "ByContent" not in before:
            config.CACHE_LOCATOR_CLASSES = f"{__name__}.ByContent,{before}"


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
        cache_folder().mkdir(parents=True, exist_ok=True)

    def get_cache_path(self) -> str:
        """The folder."""
        return str(cache_folder())

    def get_source_stamp(self) -> str:
        """What must be equal for a compiled kernel to be used."""
        return sources_hash()

    def get_disambiguator(self) -> str:
        """What tells functions of one name apart."""
        return str(self._line)
