"""A question to whoever sits at the terminal."""


def agrees(question: str) -> bool:
    """Whether the answer is yes; anything else, also the end of the input, is no."""
    try:
        answer = input(f"{question} [y/N] ")
    except EOFError:
        return False
    return answer.strip().lower() in ("y", "yes")
