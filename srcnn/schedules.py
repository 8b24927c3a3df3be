"""SCHEDULES: the learning rate over a training; name -> function(progress, final) -> factor.

``progress`` goes from 0 to 1 after the warm-up; the factor goes from 1 to ``final`` at the end.
Nothing here imports torch, so that a study can be checked without it.
"""

import math
from collections.abc import Callable

Schedule = Callable[[float, float], float]

STEPS = 4  # plateaus of ``step``


def cosine(progress: float, final: float) -> float:
    """Return half a cosine: high for long, low at the end; the best of these for SRCNN."""
    return final + (1.0 - final) * 0.5 * (1.0 + math.cos(math.pi * progress))


def constant(progress: float, final: float) -> float:
    """Return one, whatever ``final`` says."""
    return 1.0


def linear(progress: float, final: float) -> float:
    """Return a straight line from 1 to ``final``."""
    return 1.0 + (final - 1.0) * progress


def step(progress: float, final: float) -> float:
    """Return four plateaus of equal length, each lower by the same factor."""
    plateau = min(STEPS - 1, int(progress * STEPS))
    return 1.0 if plateau == 0 else final ** (plateau / (STEPS - 1))


SCHEDULES: dict[str, Schedule] = {"cosine": cosine, "constant": constant, "linear": linear, "step": step}
