"""Names of folders that the tools which carry tasks to their place cannot be told."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Trouble:
    """What a folder's name may not hold, and why."""

    pattern: re.Pattern[str]
    why: str


# A per cent sign that begins none of submitit's patterns is escaped, and so are spaces and quotes; what is here has no
# escape.
NO_TEXT = Trouble(re.compile("[\ud800-\udfff]"), "its name is no UTF-8")
LINE_END = Trouble(re.compile(r"[\x00-\x1f\x7f]"), "a line break or control character ends a line of a job")
COLON = Trouble(re.compile(":"), "Python splits PYTHONPATH at the colon and would import other code")
NUMBER = Trouble(re.compile("%[jtaA]"), "submitit puts the job's number in the place of {found}")
FOR_SUBMITIT = (NO_TEXT, LINE_END, COLON, NUMBER)


def unusable(folder: Path, troubles: Iterable[Trouble]) -> str | None:
    """Return why a folder cannot be used, by the first trouble that its name makes; None if it can."""
    for trouble in troubles:
        if found := trouble.pattern.search(str(folder)):
            return f"{str(folder)!r}: {trouble.why.format(found=found[0])}"
    return None
