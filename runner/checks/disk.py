"""Whether files can be written where they must be, are found again, and have room."""

import fcntl
import os
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from runner.checks.circumstances import Circumstances
from runner.checks.finding import Finding
from runner.executors.root import FOR_SUBMITIT, Trouble, unusable
from runner.executors.slurm.root import TROUBLES
from runner.study.space import existing, free_bytes, size

SKEW_S = 5.0  # between this machine's clock and the file server's
LITTLE_BYTES = 2_000_000_000
FEW_FILES = 10_000


def write_fault(folder: Path) -> str:
    """Return why a file cannot be written, brought to the disk and renamed in a folder; empty if it can be."""
    name = f".doctor-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    first, second = (folder / f"{name}-{part}" for part in ("a", "b"))
    step = "write a file"
    try:
        with first.open("wb") as file:
            file.write(b"x" * 4096)
            step = "bring a file to the disk (fsync)"
            file.flush()
            os.fsync(file.fileno())
        step = "rename a file"
        second.write_bytes(b"")
        os.replace(first, second)
        step = "find a renamed file whole again"
        if second.read_bytes() != b"x" * 4096:
            return f"cannot {step}"
    except OSError as error:
        return f"cannot {step}: {error.strerror}"
    finally:
        for place in (first, second):
            place.unlink(missing_ok=True)
    return ""


def root(asked: Circumstances) -> Iterator[Finding]:
    """Say whether results can be written."""
    troubles: tuple[Trouble, ...] = FOR_SUBMITIT
    if asked.uses_slurm:
        troubles = TROUBLES
    trouble = unusable(asked.root, troubles)
    if trouble:
        yield Finding("WRONG", f"results: {trouble}", "choose another folder with --root")
        return
    folder = existing(asked.root)
    fault = "is no folder" if not folder.is_dir() else write_fault(folder)
    where = f"{asked.root}" if folder == asked.root else f"{asked.root} (not there yet; {folder} is)"
    if fault:
        yield Finding("WRONG", f"results: {where}: {fault}", "choose another folder with --root")
    else:
        yield Finding("ok", f"results: {where}: written, brought to the disk, renamed")
    local = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/dev/shm")]
    if asked.uses_slurm and any(asked.root.is_relative_to(folder) for folder in local):
        yield Finding(
            "note",
            f"results: {asked.root} lies where every node has files of its own, as a rule: jobs would not find them",
            "choose a folder that all nodes see with --root",
        )


def locks(asked: Circumstances) -> Iterator[Finding]:
    """Say whether files can be locked, which only other programs ask of HDF5 files."""
    try:
        with tempfile.TemporaryFile(dir=existing(asked.root), prefix=".doctor-") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        yield Finding(
            "note",
            f"locks: no file below {existing(asked.root)} can be locked ({error.strerror}); nothing here needs it",
            "to open its HDF5 files in other programs: export HDF5_USE_FILE_LOCKING=FALSE",
        )
    else:
        yield Finding("ok", "locks: files can be locked, though nothing here needs it")


def clock(asked: Circumstances) -> Iterator[Finding]:
    """Say whether files get the time that this machine's clock shows."""
    skew = time_skew(existing(asked.root))
    if skew is not None and abs(skew) > SKEW_S:
        yield Finding(
            "note",
            f"files below {existing(asked.root)} are stamped {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} "
            "this machine's clock: times shown by runner.status are off by as much",
            "tell the administrators (NTP)",
        )
    elif skew is not None:
        yield Finding("ok", "clock: files get the time that this machine shows")


def time_skew(folder: Path) -> float | None:
    """Return the seconds by which a new file's time is ahead of the clock; None if no file can be written."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as file:
            before = time.time()
            file.write(b"x")
            file.flush()
            os.fsync(file.fileno())
            stamp, after = os.stat(file.name).st_mtime, time.time()
    except OSError:
        return None
    return stamp - before if stamp < before else max(0.0, stamp - after)


def free(asked: Circumstances) -> Iterator[Finding]:
    """Say how much space and how many files are free where results go; another check compares what a study needs."""
    folder = existing(asked.root)
    space, files = free_bytes(folder), os.statvfs(folder)
    text = f"{size(space)} are free for results (a quota may be tighter)"
    if files.f_files and files.f_favail < FEW_FILES:
        yield Finding(
            "WRONG" if files.f_favail < 100 else "note",
            f"only {files.f_favail} more files can be made in {folder}",
            "remove some (python -m runner.clean STUDY_DIR), or choose another --root",
        )
    yield Finding("note" if space < LITTLE_BYTES else "ok", text)


def kernels(asked: Circumstances) -> Iterator[Finding]:
    """Say whether compiled kernels are kept from one task to the next."""
    from srcnn.metrics.kernels.cache import cache_folder  # brings numpy, which may be what is broken

    folder = cache_folder()
    fault = write_fault(folder)
    usual = Path(os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    cure = "name a folder that can be written: export NUMBA_CACHE_DIR=DIR, in cluster.setup for jobs"
    if fault:
        yield Finding("WRONG", f"compiled kernels: {folder}: {fault}", cure)
    elif not folder.is_relative_to(usual):
        yield Finding(
            "note", f"compiled kernels: {folder}, since {usual} cannot be written: each node compiles them anew", cure
        )
    else:
        yield Finding("ok", f"compiled kernels: {folder}")
