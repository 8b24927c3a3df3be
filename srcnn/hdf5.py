"""Writing HDF5 on a disk that may be full: a write that fails is remembered, for the library crashes of it."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py


class Disk(io.FileIO):
    """A file that takes everything from the library and keeps the first fault for ``check``."""

    fault: OSError | None = None

    def write(self, data: Any, /) -> int:
        """Write all of it, or nothing more once something could not be written."""
        rest = memoryview(data).cast("B")
        while rest and self.fault is None:
            try:
                rest = rest[super().write(rest) or 0 :]
            except OSError as error:
                self._keep(error)
        return memoryview(data).nbytes

    def truncate(self, size: int | None = None, /) -> int:
        """As of any file, if it can be."""
        try:
            return super().truncate(size)
        except OSError as error:
            self._keep(error)
            return self.tell() if size is None else size

    def _keep(self, error: OSError) -> None:
        error.filename = str(Path(str(self.name)).parent)  # its own name is one of the moment
        self.fault = self.fault or error

    def check(self) -> None:
        """Raise what kept the disk from taking all until now."""
        if self.fault:
            raise self.fault


@contextmanager
def writing(path: Path) -> Iterator[tuple[h5py.File, Disk]]:
    """A new HDF5 file, and its disk to be checked while it is written. Raises OSError for what did not get there."""
    with Disk(path, "w+") as disk:
        # Some file systems of clusters know no locks, and a file that is renamed when it is whole needs none.
        with h5py.File(disk, "w", locking=False) as file:
            yield file, disk
        disk.check()
