"""Small words that messages share."""


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun: ``1 task``, ``2 tasks``; ``plural`` where it does not end in s."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"
