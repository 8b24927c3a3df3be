"""How the command that runs was called, for its own help: as a module, or by its short name."""

_SHORT: dict[str, str] = {}


def called(module: str) -> str:
    """What a user types for a command's module: ``python -m runner.submit``, or ``srcnn submit`` if that was typed."""
    return _SHORT.get(module, f"python -m {module}")


def call_it(module: str, words: str) -> None:
    """From now on the command is known by other words."""
    _SHORT[module] = words
