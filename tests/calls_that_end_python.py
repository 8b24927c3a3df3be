"""Calls that end the process that makes them; what makes them imports nothing else, and so begins at once."""

import os
import signal
from pathlib import Path


def die_once(number: int, at: list[int], folder: Path, by: int = signal.SIGKILL) -> int:
    """The square of a number; the first process that meets a number of ``at`` dies."""
    if number in at:
        try:
            (folder / f"{number}").touch(exist_ok=False)
        except FileExistsError:
            return number**2
        os.kill(os.getpid(), by)
    return number**2


def die_always(number: int, at: int, by: int = signal.SIGKILL) -> int:
    """The square of a number, unless it is ``at``."""
    if number == at:
        os.kill(os.getpid(), by)
    return number**2


def end_in_ways(number: int, ways: dict[int, int]) -> int:
    """The square of a number, unless a way is given to end: a signal, or less than nothing for an exit status."""
    way = ways.get(number)
    if way is not None and way <= 0:
        os._exit(-way)
    if way is not None:
        os.kill(os.getpid(), way)
    return number**2
