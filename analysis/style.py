"""The look of pages and figures: a colour for each run, the same everywhere, and numbers as people read them."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from srcnn.metrics import about

# Okabe & Ito (2008), told apart by colour-blind readers, without yellow (too pale on white) and
# black (the text). Bicubic is always grey and dashed.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DASHES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))
MARKERS = "osD^vP"
GREY = "#7A7A80"
# Upsamplers are not runs, so they have other colours: five steps of a blue-to-yellow scale (cividis).
UPSAMPLER_COLOURS = ("#1F4E8C", "#5B6C8F", "#8A8779", "#B3A45B", "#D9C02F")


@dataclass(frozen=True)
class Line:
    """Colour, dashes and marker of one run or upsampler."""

    colour: str
    dashes: Any = "-"
    marker: str = "o"


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
BASELINE = Line(GREY, (0, (4, 2)), "x")


def run_styles(variants: Iterable[str], baselines: Iterable[str]) -> dict[str, Line]:
    """Return a line style for each variant and baseline; beyond six, colours return with other dashes and marks."""
    styles = {
        name: Line(COLOURS[i % 6], DASHES[i // 6 % len(DASHES)], MARKERS[(i + i // 24) % 6])
        for i, name in enumerate(variants)
    }
    return styles | dict.fromkeys(baselines, BASELINE)


def upsampler_styles(names: Sequence[str]) -> dict[str, Line]:
    """Return a line style for each upsampler."""
    return {
        name: Line(UPSAMPLER_COLOURS[i % 5], DASHES[i // 5 % len(DASHES)], "vos^DP"[i % 6])
        for i, name in enumerate(names)
    }


def metric_head(metric: str) -> str:
    """Return a metric's title, unit and an arrow towards better values."""
    facts = about(metric)
    unit = "" if facts.unit == "1" else f" ({facts.unit})"
    return f"{facts.title}{unit} {'↑' if facts.higher_is_better else '↓'}"


def axis_label(metric: str, power: int = 0) -> str:
    """Return a metric's title, unit and direction for an axis whose values were divided by 10**power."""
    facts = about(metric)
    parts = [ten_to_the(power) if power else "", "" if facts.unit == "1" else facts.unit]
    unit = " ".join(filter(None, parts))
    return f"{facts.title}{f' ({unit})' if unit else ''}, {'higher' if facts.higher_is_better else 'lower'} is better"


def digits(metric: str) -> int:
    """Return how many decimals of a metric are worth printing."""
    return 2 if about(metric).unit in ("dB", "degrees") else 4


def number(value: Any, metric: str, signed: bool = False) -> str:
    """Return a metric's value as text; a dash where there is none."""
    if value is None or value != value:
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    places = digits(metric)
    if value and abs(value) < 0.5 * 10.0**-places:  # one digit, so that it does not read as 0
        form = ".1g" if abs(value) >= 1e-4 else ".1e"
    else:
        form = f".{places}f"
    return f"{value:{'+' if signed else ''}{form}}".replace("e-0", "e-").replace("-", "−")


def with_interval(mean: float, low: float, high: float, metric: str) -> str:
    """Return a signed difference with its interval, if there is one."""
    text = number(mean, metric, signed=True)
    if low == low:
        text += f" [{number(low, metric, signed=True)}, {number(high, metric, signed=True)}]"
    return text


def power_of_ten(largest: float) -> int:
    """Return the power of ten that an axis of very small or large values is written with; 0 for ordinary values."""
    if not largest or not math.isfinite(largest) or 1e-3 <= largest < 1e5:
        return 0
    return math.floor(math.log10(largest))


def ten_to_the(power: int) -> str:
    """Return a power of ten as text."""
    return "10" + str(power).translate(_RAISED)


def sentence(words: str) -> str:
    """Return the words with a capital letter and a full stop."""
    return f"{words[0].upper()}{words[1:]}."
