"""Times as people and SLURM write them, in whole minutes."""

import math
import re
from typing import Any

MOST_MIN = 10 * 366 * 24 * 60
EXPECTED = "expected minutes as a number, H:MM:SS or D-HH:MM:SS"
# The forms of ``sbatch --time``, but for MM:SS: with days the clock may stop at hours or minutes.
_CLOCK = re.compile(r"(?:(\d{1,9})-([01]?\d|2[0-3])|(\d{1,9})(?=:\d+:))(?::([0-5]\d)(?::([0-5]\d))?)?", re.ASCII)
_TWO_MEANINGS = re.compile(r"(\d{1,9}):(\d{1,9})", re.ASCII)


def to_minutes(value: Any) -> int:
    """Return whole minutes, rounded up, for a number of minutes or text in the forms of ``sbatch --time``.

    Raises ValueError for what is no time, and for ``4:00``: four minutes to SLURM, four hours to people.
    """
    number: float | None = None
    if isinstance(value, str):
        number = _of_text(value.strip())
    elif isinstance(value, int | float) and not isinstance(value, bool):
        number = value
    if number is None or not number > 0:
        raise ValueError(f"{EXPECTED}, found {value!r}")
    if number > MOST_MIN:
        raise ValueError(f"expected at most ten years in minutes, {MOST_MIN:,}, found {str(value)[:40]}")
    return math.ceil(number)


def _of_text(text: str) -> float | None:
    if two := _TWO_MEANINGS.fullmatch(text):
        first, last = map(int, two.groups())
        raise ValueError(
            f"{text} could mean {first} minutes {last} seconds, as SLURM reads it, or {first} hours {last} minutes; "
            f"write {math.ceil(first + last / 60)} or {first * 60 + last}, in minutes"
        )
    if clock := _CLOCK.fullmatch(text):
        days, of_day, hours, minutes, seconds = (int(part or 0) for part in clock.groups())
        return (days * 24 + of_day + hours) * 60 + minutes + seconds / 60
    try:
        return float(text)
    except ValueError:
        return None
