"""The progress of a task, in words."""

from runner.study.stages import STAGES
from srcnn.words import duration


def progress_text(stage: str, done: int, total: int, seconds_left: float | None) -> str:
    """Return the steps done of all, and the time that the rest may take: ``epoch 3 of 20, about 90 s left``."""
    unit = f"{STAGES[stage].steps} ".lstrip()
    left = f", about {duration(seconds_left)} left" if seconds_left else ""
    return f"{unit}{done} of {total}{left}"
