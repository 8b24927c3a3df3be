"""Processes of this machine, told apart from later ones that were given the same number."""

import os
import signal
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

WATCH_S = 0.5


def born(pid: int) -> str | None:
    """When a process started, in ticks of this boot; None if there is no such process (or only its remains)."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
        # The name, in parentheses, may hold anything; state is the first field after it, the start the twentieth.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else f"{boot}-{fields[19]}"


def is_alive(host: str, pid: int, since: str | None) -> bool | None:
    """Whether a process that was ``born`` at ``since`` still runs; None if it is on another machine."""
    if host != socket.gethostname():
        return None
    now = born(pid)
    return now is not None and (since is None or now == since)


def descendants(pid: int) -> list[int]:
    """The children of a process, and theirs."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                parent = int(Path(entry.path, "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children[parent].append(int(entry.name))
    found, look = [], [pid]
    while look:
        new = children[look.pop()]
        found += new
        look += new
    return found


def kill_tree(pid: int) -> None:
    """Kill a process and all that it started, at once."""
    for each in [pid, *descendants(pid)]:
        try:
            os.kill(each, signal.SIGKILL)
        except ProcessLookupError:
            continue


def end_with(pid: int, since: str, then: Callable[[], None] | None = None) -> None:
    """From now on, end this process and what it started as soon as another process is gone.

    A task outlives a runner that is killed, and would go on writing beside its successor.
    """

    def watch() -> None:
        while born(pid) == since:
            time.sleep(WATCH_S)
        if then:
            then()
        for each in descendants(os.getpid()):
            try:
                os.kill(each, signal.SIGKILL)
            except ProcessLookupError:
                continue
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True, name="ends with the runner").start()
