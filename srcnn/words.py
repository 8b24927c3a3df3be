"""Words that messages share, and text from outside made fit to be shown."""

import signal
import unicodedata
from collections.abc import Sequence
from typing import Any

LISTED = 10  # lines of one kind in one message
LONGEST = 1000  # letters of the text of an error that is not ours
# Control characters, marks that turn the direction of what follows, halves of letters, breaks of lines.
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"  # within words of some scripts, and within emoji


def printable(text: object, breaks: bool = False) -> str:
    r"""Return text from outside (a name, a path, an error) with what a terminal, log or page might obey written out.

    An escape character becomes the four letters ``\x1b``, half a letter ``\udc80``; with ``breaks``, ends of lines
    and tabs stay.
    """
    words = str(text)
    if words.isprintable():
        return words
    kept = _JOINERS + "\n\t" * breaks
    return "".join(
        repr(letter)[1:-1] if unicodedata.category(letter) in _HIDDEN and letter not in kept else letter
        for letter in words
    )


def whole(value: Any) -> Any:
    """Return a value out of JSON or YAML whose texts a table can hold: half a letter is written out."""
    if isinstance(value, str):
        return value if value.isprintable() else value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {whole(key): whole(held) for key, held in value.items()}
    return [whole(held) for held in value] if isinstance(value, list) else value


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: ``1 task``, ``2 tasks``; ``plural`` where that is not the noun and an s."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"


def duration(seconds: float) -> str:
    """Return seconds in the unit that suits their size: ``40 s``, ``12 min``, ``3.5 h``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def listed(lines: Sequence[str]) -> str:
    """Return the first of some lines, indented, and how many more there are."""
    more = [f"and {len(lines) - LISTED} more"] if len(lines) > LISTED else []
    return "".join(f"\n  {line}" for line in [*lines[:LISTED], *more])


def signal_name(number: int) -> str:
    """Return the name of a signal; ``signal`` and its number where it has none."""
    try:
        return signal.Signals(number).name
    except ValueError:  # of those for real time only the first and the last have one
        return f"signal {number}"


def text_of(error: BaseException) -> str:
    """Return what an error says; if making its text raises, as somebody else's class may, return that."""
    try:
        return str(error)
    except BaseException as other:  # noqa: BLE001 - the code of somebody else's class runs here
        return f"its text cannot be made: {type(other).__name__}"


def said(error: BaseException) -> str:
    """Return what an error says, in one line that is never empty.

    The class stands before it where the text is empty, or only the name of what was looked for.
    """
    text = " ".join(text_of(error).split())
    return told(error) if not text or isinstance(error, LookupError) else text


def told(error: BaseException) -> str:
    """Return the class of an error and what it says, in one line of bounded length."""
    kind, text = type(error), " ".join(text_of(error).split())[:LONGEST]
    name = (
        kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"
    )
    return f"{name}: {text}" if text else name
