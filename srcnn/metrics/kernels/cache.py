"""The folder of compiled kernels: one per machine and user, whatever folder the code lies in.

numba keys its cache by the path of the source file, so every snapshot of the code that a study
submits would be compiled again, by every task at once. Here the key is the content of the kernels.
"""

import hashlib
import os
import stat
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

KERNELS = Path(__file__).parent


@cache
def sources_hash() -> str:
    """Return the hash of all kernels: a change in one may be inlined in another."""
    digest = hashlib.sha256()
    for path in sorted(KERNELS.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def cache_folder() -> Path:
    """Return the folder for compiled kernels: below NUMBA_CACHE_DIR, else the user's cache, else a temporary one.

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
    """Make a folder where there is none; say whether it is our own, not a link, and writable for nobody else."""
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o022
