"""A question to whoever sits at the terminal."""

from srcnn.words import printable


def agrees(question: str) -> bool:
    """Ask, and say whether the answer is yes; anything else, also the end of the input, is no."""
    try:
        answer = input(f"{printable(question, breaks=True)} [y/N] ")
    except EOFError:
        return False
    return answer.strip().lower() in ("y", "yes")
