"""Ids of jobs: an array's number, or that and the place of one of its elements, alone or several together."""

import re
from collections.abc import Iterable, Iterator, Sequence


def array_of(job: str) -> str:
    """Return the number of the array that a job is an element of; of any other job its own number."""
    return job.partition("_")[0]


def element(array: str, index: int | str) -> str:
    """Return the id of one element of an array."""
    return f"{array}_{index}"


def expand(job: str) -> Iterator[str]:
    """Give the ids that ``123_[0-2,7%5]`` stands for; any other id stands for itself."""
    match = re.fullmatch(r"(\d+)_\[([\d,\-]+)(?:%\d+)?\]", job)
    if not match:
        yield job
        return
    for part in match[2].split(","):
        first, _, last = part.partition("-")
        for index in range(int(first), int(last or first) + 1):
            yield element(match[1], index)


def collapse(ids: Iterable[str]) -> list[str]:
    """Return jobs with the elements of one array together, as ``123_[0-2,7]``: the reverse of ``expand``."""
    elements: dict[str, list[int]] = {}
    for job in ids:
        number, _, index = job.rpartition("_")
        if index.isdecimal() and number:
            elements.setdefault(number, []).append(int(index))
        else:
            elements.setdefault(job, [])
    return [
        f"{number}_{indices[0]}" if len(indices) == 1 else f"{number}_[{_ranges(indices)}]" if indices else number
        for number, indices in ((number, sorted(set(indices))) for number, indices in elements.items())
    ]


def _ranges(numbers: Sequence[int]) -> str:
    """Return ascending numbers with those in a row together: ``0-2,7``."""
    rows: list[list[int]] = []
    for number in numbers:
        if rows and rows[-1][-1] == number - 1:
            rows[-1] = [rows[-1][0], number]
        else:
            rows.append([number])
    return ",".join("-".join(map(str, row)) for row in rows)
