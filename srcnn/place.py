"""The place in which a number names one process only: a boot of a machine, and in it a PID namespace."""

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

# The namespace that a machine boots with has this number on every Linux (PROC_PID_INIT_INO).
FIRST_NAMESPACE = "4026531836"


class Place(NamedTuple):
    """A machine (eight digits of its id's hash), its boot (eight of the boot's id) and a PID namespace (its number)."""

    machine: str
    boot: str
    namespace: str


def here() -> Place | None:
    """Return the place of this process; None where the system does not tell.

    Containers of one machine share the boot, and any two machines or containers may share a name.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_bytes()[:8].decode()
        namespace = os.readlink("/proc/self/ns/pid").strip("pid:[]")
    except (OSError, UnicodeError):
        return None
    try:
        machine = Path("/etc/machine-id").read_bytes().strip()
    except OSError:
        machine = b""
    return Place(hashlib.sha256(machine).hexdigest()[:8], boot, namespace)


def exists(pid: int) -> bool:
    """Say whether the number names a process here, also where /proc hides it (``hidepid``)."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def mark() -> str:
    """Return what names this process in names of files: eight digits that stand for the place, and its number."""
    return f"{_digits(here())}-{os.getpid()}"


def has_ended(marked: str) -> bool:
    """Say whether the process of a ``mark`` is certainly gone; one of another place never is."""
    digits, _, pid = marked.partition("-")
    place = here()
    return place is not None and digits == _digits(place) and pid.isdigit() and not exists(int(pid))


def _digits(place: Place | None) -> str:
    return hashlib.sha256(f"{place}".encode()).hexdigest()[:8]
