"""Small words that messages share."""

from collections.abc import Sequence

LISTED = 10  # lines of one kind in one message
LONGEST = 1000  # letters of an error of somebody else


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun: ``1 task``, ``2 tasks``; ``plural`` where it does not end in s."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"


def listed(lines: Sequence[str]) -> str:
    """The first of some lines, indented, and how many more there are."""
    more = [f"and {len(lines) - LISTED} more"] if len(lines) > LISTED else []
    return "".join(f"\n  {line}" for line in [*lines[:LISTED], *more])


def text_of(error: BaseException) -> str:
    """What an error says; of somebody else's, whose text itself may raise, what can be had."""
    try:
        return str(error)
    except BaseException as other:  # noqa: BLE001 - the code of somebody else's class runs here
        return f"its text cannot be made: {type(other).__name__}"


def told(error: BaseException) -> str:
    """The class of an error of somebody else's, and what it says, in one line of bounded length."""
    kind, text = type(error), " ".join(text_of(error).split())[:LONGEST]
    name = (
        kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"
    )
    return f"{name}: {text}" if text else name
