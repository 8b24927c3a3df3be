"""Work that several jobs may ask for at once, done by one of them."""

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jobs.processes import born, is_alive
from srcnn.damage import set_aside
from srcnn.files import temporary_path
from srcnn.records import record
from srcnn.regular import read_regular

HEARTBEAT_S = 5.0
STALE_S = 120.0  # shared file systems may hide a changed time stamp for up to a minute
SILENT_S = 10.0  # the note on a claim that stands still for longer says for how long


def build_once(
    target: Path,
    build: Callable[[], None],
    say: Callable[[str], None] = lambda note: None,
    *,
    poll_s: float = 0.5,
    stale_s: float = STALE_S,
) -> None:
    """Call ``build``, which makes ``target``, unless it is there or another job is making it.

    If another job is making it, wait for that job, and ``say`` so; take over if that job is dead, or its claim stops
    beating.
    Files and time stamps serve as the lock because many cluster file systems have no other. In the worst
    case two jobs build at once, which is harmless: both write the same content by renaming.
    """
    claim = target.with_name(f".{target.name}.claim")
    claim.parent.mkdir(parents=True, exist_ok=True)
    while not target.exists():
        with _claimed(claim) as mine:
            if mine and not target.exists():
                build()
        if not mine:
            _wait(target, claim, say, poll_s, stale_s)


@contextmanager
def _claimed(claim: Path) -> Iterator[bool]:
    mine = json.dumps([socket.gethostname(), os.getpid(), born(os.getpid())]).encode()
    try:
        descriptor = os.open(claim, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    except FileExistsError:
        yield False
        return
    with open(descriptor, "wb") as file:
        file.write(mine)
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(HEARTBEAT_S):
            with suppress(OSError):  # another job took over, which saw no sign of this one for long
                os.utime(claim)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield True
    finally:
        stop.set()
        thread.join()
        _remove(claim, mine)


def _wait(target: Path, claim: Path, say: Callable[[str], None], poll_s: float, stale_s: float) -> None:
    """Return when the target is there, the claim is gone, or its job is dead or was silent for too long."""
    beat, since, said = None, time.monotonic(), ""
    while not target.exists():
        if os.path.lexists(claim) and not claim.is_file():  # made by no job: a folder, a pipe, a link to nowhere
            set_aside(claim)
        try:
            stamp, content = claim.stat().st_mtime_ns, _content(claim)
        except FileNotFoundError:
            return
        # Only whether the stamp moves counts, not its value: clocks of two nodes differ.
        if stamp != beat:
            beat, since = stamp, time.monotonic()
        silent_s = time.monotonic() - since
        who, alive = _claimant(content)
        if alive is False or silent_s > stale_s:
            _remove(claim, content)
            return
        text = f"waits for {who}, which makes the same"
        if silent_s > SILENT_S:
            text += (
                f" (no sign of it for {silent_s // SILENT_S * SILENT_S:.0f} s; it counts as dead after {stale_s:.0f} s)"
            )
        if text != said:
            say(text)
            said = text
        time.sleep(poll_s)


def _claimant(content: bytes) -> tuple[str, bool | None]:
    """Return who made a claim, in words, and whether it lives; None if that cannot be known from here."""
    try:
        host, pid, since = _claim(json.loads(content))
    except (ValueError, RecursionError):  # it was killed before it wrote its name
        return "another process", None
    return f"process {pid} on {host}", is_alive(host, pid, since)


_claim = record(tuple[str, int, str | None])


def _content(claim: Path) -> bytes:
    """Return what a claim says; nothing if it cannot be read: what counts then is whether it beats."""
    try:
        return read_regular(claim)
    except FileNotFoundError:
        raise
    except OSError:
        return b""


def _remove(claim: Path, content: bytes) -> None:
    """Remove a claim of this content, but no other that was put there meanwhile."""
    aside = temporary_path(claim)
    with suppress(FileNotFoundError):
        os.rename(claim, aside)
        if _content(aside) != content:
            with suppress(OSError):
                os.link(aside, claim)
        aside.unlink(missing_ok=True)
