"""Processes, told apart from all others: also from later ones of the same number, and those of other containers.

What cannot be seen from here (on another machine, in another PID namespace, hidden by ``hidepid``) may live:
it is never taken for dead, and never killed.
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
    """What tells a process of this place from all others: machine, boot, PID namespace, and its start in ticks.

    None if there is no such process, or only its remains, or it cannot be seen.
    """
    place, fields = here(), _stat(pid)
    return "-".join((*place, fields[19].decode())) if place and fields and fields[0] not in b"ZX" else None


def is_alive(host: str, pid: int, since: str | None) -> bool | None:
    """Whether the process that was ``born`` at ``since`` still runs; None if that cannot be known from here.

    ``host`` only tells a machine that was started again from others.
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
    """What /proc says of a process after its name: the state first, its parent next, its start as the twentieth."""
    if pid != os.getpid() and not _sees_own_namespace():
        return None
    try:
        # The name, in parentheses, may hold any bytes.
        content = Path("/proc", "self" if pid == os.getpid() else str(pid), "stat").read_bytes()
    except OSError:
        return None
    return content.rpartition(b")")[2].split() or None


def _sees_own_namespace() -> bool:
    """Whether the numbers in /proc are those of this process's namespace: a container may show the machine's."""
    try:
        return os.readlink("/proc/self") == str(os.getpid())
    except OSError:
        return False


def descendants(pid: int) -> list[int]:
    """The children of a process, and theirs."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children[int(fields[1])].append(int(entry.name))
    found, look = [], [pid]
    while look:
        new = children[look.pop()]
        found += new
        look += new
    return found


def started_with(variable: str, word: str) -> list[int]:
    """Processes with ``NAME=value`` in the environment that they began with, and a word in their command line."""
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit() or not _sees_own_namespace():
            continue
        try:
            environment = Path(entry.path, "environ").read_bytes().split(b"\0")
            command = Path(entry.path, "cmdline").read_bytes()
        except OSError:
            continue
        if os.fsencode(variable) in environment and word.encode() in command:
            found.append(int(entry.name))
    return found


def kill_tree(pid: int, since: str | None) -> None:
    """Kill a process and all that it started, at once, if it certainly is the one ``born`` at ``since``."""
    if is_alive(socket.gethostname(), pid, since):
        _kill([pid, *descendants(pid)])


def _kill(pids: list[int]) -> None:
    for each in pids:
        try:
            os.kill(each, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


def end_with(pid: int, since: str | None, then: Callable[[], None] | None = None) -> None:
    """From now on, end this process and what it started as soon as another process is gone.

    A task outlives a runner that is killed, and would go on writing beside its successor; so do a task's workers.
    """

    def watch() -> None:
        while is_alive(socket.gethostname(), pid, since) is not False:
            time.sleep(WATCH_S)
        if then:
            then()
        _kill([*descendants(os.getpid()), os.getpid()])

    threading.Thread(target=watch, daemon=True, name=f"ends with {pid}").start()
