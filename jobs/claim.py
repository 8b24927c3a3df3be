"""Work that several jobs may ask for at once, done by one of them."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

HEARTBEAT_S = 5.0
STALE_S = 120.0  # shared file systems may hide a changed time stamp for up to a minute


def build_once(target: Path, build: Callable[[], None], *, poll_s: float = 0.5, stale_s: float = STALE_S) -> None:
    """Call ``build``, which makes ``target``, unless it is there or another job is making it.

    Then wait for that job; if its claim stops beating (it was killed), take over. Files and time
    stamps serve as the lock because many cluster file systems have no other. In the worst case
    two jobs build at once, which is harmless: both write the same content by renaming.
    """
    claim = target.with_name(f".{target.name}.claim")
    claim.parent.mkdir(parents=True, exist_ok=True)
    while not target.exists():
        with _claimed(claim) as mine:
            if mine and not target.exists():
                build()
        if not mine:
            _wait(target, claim, poll_s, stale_s)


@contextmanager
def _claimed(claim: Path) -> Iterator[bool]:
    try:
        os.close(os.open(claim, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:
        yield False
        return
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(HEARTBEAT_S):
            claim.touch()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield True
    finally:
        stop.set()
        thread.join()
        claim.unlink(missing_ok=True)


def _wait(target: Path, claim: Path, poll_s: float, stale_s: float) -> None:
    """Return when the target is there, the claim is gone, or the claim stood still too long."""
    beat, since = None, time.monotonic()
    while not target.exists():
        try:
            stamp = claim.stat().st_mtime_ns
        except FileNotFoundError:
            return
        # Only whether the stamp moves counts, not its value: clocks of two nodes differ.
        if stamp != beat:
            beat, since = stamp, time.monotonic()
        elif time.monotonic() - since > stale_s:
            claim.unlink(missing_ok=True)
            return
        time.sleep(poll_s)
