"""Reading the records of attempts at tasks, which say what became of them."""

import logging
from pathlib import Path

from srcnn.damage import DamagedFile
from srcnn.files import read_json
from srcnn.records import record
from srcnn.schema import Attempt

LOST = "what it told of that attempt is lost, and nothing else: delete it"

_log = logging.getLogger(__name__)
_attempt = record(Attempt)


def read_attempt(file: Path) -> Attempt | None:
    """Return the record in a file; None if it is gone, only just claimed, or damaged, which the log says.

    Raises OSError where it cannot be read: the attempt may be running.
    """
    try:
        attempt: Attempt | None = read_json(file, _attempt, LOST)
    except DamagedFile as error:
        if not _is_claimed(file):
            _log.warning("%s", error)
        return None
    return attempt


def _is_claimed(file: Path) -> bool:
    """Say whether a file is there and empty: its number is taken, and its content on the way. True if it is gone."""
    try:
        return file.is_file() and file.stat().st_size == 0
    except FileNotFoundError:
        return True
