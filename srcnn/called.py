"""The words that a user types for the command that runs, for its own help: a module, or its short name."""

_SHORT: dict[str, str] = {}


def called(module: str) -> str:
    """Return what a user types for a command: ``python -m runner.submit``, or ``srcnn submit`` if that was typed."""
    return _SHORT.get(module, f"python -m {module}")


def call_it(module: str, words: str) -> None:
    """Let ``called`` know the command's module by other words from now on."""
    _SHORT[module] = words
