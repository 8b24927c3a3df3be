"""Numbers on a command line: refused where they make no sense, before anything is built of them."""

from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import TypeVar

MOST_WORKERS = 1024  # processes, or cores, of one machine
MOST_GB = 100_000.0  # memory of a node
SHOWN = 40  # letters of what was given instead

Number = TypeVar("Number", int, float)


def within(kind: type[Number], least: Number, most: Number, above: bool = False) -> Callable[[str], Number]:
    """Return a type for argparse: numbers from ``least`` (above it, if ``above``) to ``most``."""
    whole = "a whole number" if kind is int else "a number"
    expected = f"expected {whole} {'above' if above else 'from'} {least:,} {'and up ' * above}to {most:,}"

    def number(text: str) -> Number:
        try:
            value = kind(text) if text.isascii() and "_" not in text else None  # Python reads 1_0 as ten
        except ValueError:
            value = None
        if value is None or not (least < value if above else least <= value) or not value <= most:  # as nan is not
            raise ArgumentTypeError(f"{expected}, found {text[:SHOWN]}{'...' * (len(text) > SHOWN)}")
        return value

    return number
