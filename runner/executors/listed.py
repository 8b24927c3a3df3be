"""The executors that there are, by name: one table, and what installed packages add to it by entry points."""

from functools import lru_cache

# ``module:Class``, imported when it is needed; in the order in which ``auto`` asks whether they are here.
FIRST = {"slurm": "runner.executors.slurm.executor:Slurm"}
LAST = {"local": "runner.executors.local:Local", "debug": "runner.executors.debug:Debug"}
GROUP = "srcnn_runner.executors"
AUTO = "auto"  # the first that is here


@lru_cache(maxsize=1)
def listed() -> dict[str, str]:
    """Return where each executor is; a package cannot take the name of one of ours."""
    from importlib.metadata import entry_points  # takes longer than the rest of a command's parser

    others = {point.name: point.value for point in sorted(entry_points(group=GROUP), key=lambda point: point.name)}
    return {**FIRST, **{name: where for name, where in others.items() if name not in {*FIRST, *LAST}}, **LAST}


def names() -> list[str]:
    """Return the names of all executors, in the order in which ``auto`` asks them."""
    return list(listed())
