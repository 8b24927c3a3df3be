"""Opening regular files only: a pipe would be waited for without end, and a device may do anything."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


class NotRegular(OSError):
    """The error of a pipe, a socket or a device in the place of a file; it names the path."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path}: is a pipe, a socket or a device, not a file")


def open_regular(path: Path) -> BinaryIO:
    """Return a regular file, or the one that a link leads to, opened for reading bytes.

    Raises NotRegular, without opening it, for a pipe, a socket or a device; else OSError as ``open`` does.
    """
    require_regular(path)
    # O_NONBLOCK, because another process may put a pipe in the file's place meanwhile.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise NotRegular(path)


def read_regular(path: Path) -> bytes:
    """Return the content of a regular file. Raises as ``open_regular`` does."""
    try:
        with open_regular(path) as file:
            return file.read()
    except OSError as error:
        if error.errno is not None and error.filename is None:  # of reading, which names no file
            error.filename = str(path)
        raise


def require_regular(path: Path) -> None:
    """Raise as ``open_regular`` does unless the file is regular, for a reader that opens it itself."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise NotRegular(path)
