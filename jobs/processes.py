"""Processes, told apart from all others: also from later ones of the same number, and from other containers'.

A process that cannot be seen from here (on another machine, in another PID namespace, hidden by ``hidepid``) may
live: it is never taken for dead, and never killed.
"""

import os
import signal
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from srcnn.place import FIRST_NAMESPACE, Place, exists, here

WATCH_S = 0.5


def born(pid: int) -> str | None:
    """Return a mark that no other process has: machine, boot, PID namespace, and the process's start in ticks.

    None if there is no such process, or only its remains, or it cannot be seen.
    """
    place, fields = here(), _stat(pid)
    return "-".join((*place, fields[19].decode())) if place and fields and fields[0] not in b"ZX" else None


def is_alive(host: str, pid: int, since: str | None) -> bool | None:
    """Say whether the process that was ``born`` at ``since`` still runs; None if that cannot be known from here.

    ``host`` serves only to recognise a machine that was started again.
    """
    place, (*then, start) = here(), str(since).split("-")
    if place is None or len(then) != len(Place._fields) or type(pid) is not int or pid < 1:
        return None
    machine, boot, namespace = then
    if boot != place.boot:
        # Containers are alike on many machines; outside of them, name and id tell a machine.
        same = host == socket.gethostname() and machine == place.machine
        return False if same and namespace == place.namespace == FIRST_NAMESPACE else None
    if namespace != place.namespace:
        return None
    fields = _stat(pid)
    if fields:
        return fields[0] not in b"ZX" and fields[19].decode() == start
    return None if exists(pid) else False


def _stat(pid: int) -> list[bytes] | None:
    """Return the fields of /proc/PID/stat after the name: first the state, next the parent, as twentieth the start."""
    if pid != os.getpid() and not _sees_own_namespace():
        return None
    try:
        # The name, in parentheses, may hold any bytes.
        content = Path("/proc", "self" if pid == os.getpid() else str(pid), "stat").read_bytes()
    except OSError:
        return None
    return content.rpartition(b")")[2].split() or None


def _sees_own_namespace() -> bool:
    """Say whether the numbers in /proc are of this process's namespace: a container may show the machine's."""
    try:
        return os.readlink("/proc/self") == str(os.getpid())
    except OSError:
        return False


def descendants(pid: int) -> list[int]:
    """Return the children of a process, and their children."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children[int(fields[1])].append(int(entry.name))
    pids, look = [], [pid]
    while look:
        new = children[look.pop()]
        pids += new
        look += new
    return pids


def started_with(variable: str, word: str) -> list[int]:
    """Return the processes that began with ``NAME=value`` in their environment and have a word in their command."""
    pids = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit() or not _sees_own_namespace():
            continue
        try:
            environment = Path(entry.path, "environ").read_bytes().split(b"\0")
            command = Path(entry.path, "cmdline").read_bytes()
        except OSError:
            continue
        if os.fsencode(variable) in environment and word.encode() in command:
            pids.append(int(entry.name))
    return pids


def kill_tree(pid: int, since: str | None) -> None:
    """Kill a process and all that it started, at once, if it is certainly the one ``born`` at ``since``."""
    if is_alive(socket.gethostname(), pid, since):
        _kill([pid, *descendants(pid)])


def _kill(pids: list[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


def end_with(pid: int, since: str | None, then: Callable[[], None] | None = None) -> None:
    """End this process and what it started as soon as another process is gone; watch for that from now on.

    Otherwise a task would outlive a runner that is killed, and write beside its successor; so would its workers.
    """

    def watch() -> None:
        while is_alive(socket.gethostname(), pid, since) is not False:
            time.sleep(WATCH_S)
        if then:
            then()
        _kill([*descendants(os.getpid()), os.getpid()])

    threading.Thread(target=watch, daemon=True, name=f"ends with {pid}").start()
