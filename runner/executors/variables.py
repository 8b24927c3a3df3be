"""Variables of the environment with which tasks start."""

import os
from collections.abc import Iterable
from pathlib import Path

# glibc hands large blocks back to the kernel and fetches them again, which costs half of the time
# of array code that makes temporaries; read when a process starts, so set for the children.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "1000000000", "MALLOC_TRIM_THRESHOLD_": "1000000000"}


def import_environment(folders: Iterable[Path]) -> dict[str, str]:
    """Return variables with which Python imports from some folders first, and never from the working folder."""
    return {"PYTHONPATH": os.pathsep.join(map(str, folders)), "PYTHONSAFEPATH": "1"}
