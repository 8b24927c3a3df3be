"""What a check found: how it is, in a line, and what to do about it."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "note", "WRONG"]


@dataclass(frozen=True)
class Finding:
    """How one thing is. ``WRONG`` would make a study fail and comes with its remedy; a ``note`` is worth knowing."""

    state: Level
    what: str
    remedy: str = ""
