"""Writing HDF5 on a disk that may be full: a failed write is remembered, and kept from the library, which crashes."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py


class Disk(io.FileIO):
    """A file that takes everything that the library writes, and keeps the first fault for ``check``."""

    fault: OSError | None = None

    def write(self, data: Any, /) -> int:
        """Write all of the data, or nothing once something could not be written; return its size in bytes."""
        rest = memoryview(data).cast("B")
        while rest and self.fault is None:
            try:
                rest = rest[super().write(rest) or 0 :]
            except OSError as error:
                self._keep(error)
        return memoryview(data).nbytes

    def truncate(self, size: int | None = None, /) -> int:
        """Cut or extend the file, as any file, if that can be; return its size in bytes."""
        try:
            return super().truncate(size)
        except OSError as error:
            self._keep(error)
            return self.tell() if size is None else size

    def _keep(self, error: OSError) -> None:
        error.filename = str(Path(str(self.name)).parent)  # its own name is one of the moment
        self.fault = self.fault or error

    def check(self) -> None:
        """Raise the OSError that kept the disk from taking all until now, if there was one."""
        if self.fault:
            raise self.fault


@contextmanager
def writing(path: Path, alignment: int = 1) -> Iterator[tuple[h5py.File, Disk]]:
    """Give a new HDF5 file, and its disk to be checked while it is written. Raises OSError for what was not written."""
    with Disk(path, "w+") as disk:
        # Some file systems of clusters know no locks, and a file that is renamed when it is whole needs none.
        with h5py.File(disk, "w", locking=False, alignment_threshold=1, alignment_interval=alignment) as file:
            yield file, disk
        disk.check()
