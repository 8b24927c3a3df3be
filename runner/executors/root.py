"""Whether the tools that carry tasks to their place can be told of a folder, whatever is in its name."""

import re
from pathlib import Path

# What a name may not hold, for which use of the folder, and why. A per cent sign that begins none of submitit's
# patterns is escaped (SLURM knows %%), and so are spaces and quotes; what is here has no escape.
_TROUBLE: tuple[tuple[re.Pattern[str], tuple[str, ...], str], ...] = (
    (re.compile("[\ud800-\udfff]"), ("slurm", "local"), "its name is no UTF-8"),
    (re.compile(r"[\x00-\x1f\x7f]"), ("slurm", "local"), "a line break or control character ends a line of a job"),
    (
        re.compile(":"),
        ("slurm", "local", "import"),
        "Python splits PYTHONPATH at the colon and would import other code",
    ),
    (re.compile("%[jtaA]"), ("slurm", "local"), "submitit puts the job's number in the place of {found}"),
    (re.compile(r"\\"), ("slurm",), "SLURM loses every log whose name holds a backslash"),
)


def unusable(folder: Path, use: str) -> str | None:
    """Why a folder of results cannot be used by an executor, or one of code be imported from; None if it can."""
    for pattern, uses, why in _TROUBLE:
        found = pattern.search(str(folder))
        if found and use in uses:
            return f"{str(folder)!r}: {why.format(found=found[0])}"
    return None
