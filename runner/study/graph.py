"""Which tasks are to be done, by what is there and who needs whom: pure."""

from collections.abc import Iterable, Mapping, Sequence

from runner.record.submission import Key
from runner.study.stages import STAGES


def missing_keys(tasks: Iterable[tuple[Key, Sequence[Key]]], there: Mapping[Key, bool]) -> set[Key]:
    """Return the tasks of which not all is ``there``, and those that need one of them, directly or not.

    ``tasks`` come with the tasks that they need, each after those. A task that only serves others is missing if one
    that needs it is.
    """
    missing: set[Key] = set()
    served: set[Key] = set()
    for key, needs in tasks:
        serving = {need for need in needs if STAGES[need[0]].serves}
        if not there[key] or any(need in missing for need in needs if need not in serving):
            missing.add(key)
            served |= serving
    return {key for key in missing if not STAGES[key[0]].serves or key in served}
