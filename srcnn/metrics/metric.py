"""What a metric is: its name, unit, direction and range, and one function per definition."""

import math
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from srcnn.metrics.picture import Array, MeasuredPair
from srcnn.own_code import own_attribute, undisturbed
from srcnn.words import text_of, told

Definition = Literal["paper", "package"]
DEFINITIONS: tuple[Definition, ...] = ("paper", "package")

# Returns a pair's value; None where the metric is undefined for the pair. ``plain`` makes one of a plain function
# (reference, estimate, data_range) -> value.
Score = Callable[[MeasuredPair], float | None]
PlainScore = Callable[[Array, Array, float], float | None]


@dataclass(frozen=True)
class About:
    """What a reader of scores needs to know of a metric; it is stored beside them, as text."""

    name: str
    title: str
    unit: str
    higher_is_better: bool

    def to_metadata(self) -> dict[str, str]:
        """Return the metadata of the metric's column."""
        return {"unit": self.unit, "higher_is_better": str(self.higher_is_better).lower()}

    def stated(self) -> str:
        """Return the unit and the direction, in words."""
        return f"in {self.unit!r}, {'higher' if self.higher_is_better else 'lower'} is better"

    @classmethod
    def from_metadata(cls, name: str, stored: Mapping[bytes, bytes] | None = None) -> "About":
        """Return what a column's metadata tell of a metric of the user's own; nothing is imported for it."""
        stored = stored or {}
        return cls(
            name,
            title=name.partition(":")[2] or name,
            unit=stored.get(b"unit", b"1").decode(errors="replace"),
            higher_is_better=stored.get(b"higher_is_better") != b"false",
        )


@dataclass(frozen=True)
class Metric(About):
    """A full-reference similarity metric, as listed in METRICS.

    ``ideal`` is the value of a pair of identical pictures (None: the formula fixes none).
    ``symmetric`` says whether the paper definition gives the same with the pictures exchanged.
    ``undefined`` says when there is no value; ``smallest`` is the shortest side in pixels that has one (paper).
    ``version`` is raised when a change alters values, so that old scores are not mixed with new.
    """

    low: float
    high: float
    ideal: float | None
    source: str
    definitions: Mapping[str, Score]
    symmetric: bool = True
    undefined: str = ""
    smallest: int = 1
    version: int = 1


def plain(function: PlainScore) -> Score:
    """Return a definition that calls a function of two arrays and a data range, as a user would write it.

    The arrays are (H, W) or (H, W, C), of one shape and dtype, not empty and finite. They are copies and
    read-only: writing to them raises an error and changes no other metric's pictures.
    """

    def score(pair: MeasuredPair) -> float | None:
        images = _handed_out(pair.reference.image), _handed_out(pair.estimate.image)
        value = function(*images, pair.reference.data_range)
        return None if value is None else _number(value)

    return score


class NoNumberError(TypeError):
    """The error of a metric that returned something else than a number: the message names its type."""


def _number(value: Any) -> float:
    if isinstance(value, str | bytes | bytearray):  # of which float would read some
        raise NoNumberError(type(value).__name__)
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise NoNumberError(f"{type(value).__name__} ({text_of(error)})") from error


def _handed_out(image: Array) -> Array:
    copy = image.copy()  # read-only alone binds no torch.from_numpy, whose tensors write to the same memory
    copy.flags.writeable = False
    return copy


class MetricError(ValueError):
    """The error of a metric of the user's own: which it was, what it raised, and where."""


def _own(name: str, function: PlainScore) -> Score:
    score = plain(function)

    def named(pair: MeasuredPair) -> float | None:
        try:
            with undisturbed():
                return score(pair)
        except NoNumberError as error:
            raise MetricError(
                f"metric {name} returned {error}, expected a number, or None where it has none"
            ) from error
        except BaseException as error:  # SystemExit, too: it would end the whole command, as if all were well
            if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
                raise  # the user's Ctrl-C; no signal arrives in other threads, where the metric itself raised it
            raise MetricError(f"metric {name} raised {_what_and_where(error)}") from error

    return named


def _what_and_where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)[2:3]  # below ours: the user's function
    return told(error) + "".join(f" ({frame.filename}, line {frame.lineno})" for frame in frames)


def named_function(name: str) -> Metric:
    """Return the user's own metric ``package.module:function``, the same under every definition.

    The function takes (reference, estimate, data_range); its attributes ``unit`` and ``higher_is_better`` are
    taken over where it has them. Raises ValueError if it cannot be found, is no function, or states others.
    """
    try:
        function = own_attribute(name)
    except ValueError as error:
        raise ValueError(f"metric {name!r} cannot be loaded: {error}") from error
    if not callable(function):
        raise ValueError(f"metric {name!r} is a {type(function).__name__}, not a function")
    unit, higher_is_better = getattr(function, "unit", "1"), getattr(function, "higher_is_better", True)
    if not (isinstance(unit, str) and _is_utf8(unit)):
        raise ValueError(f'metric {name!r} states unit {unit!r}, expected text such as "dB"')
    if not isinstance(higher_is_better, bool):
        raise ValueError(f"metric {name!r} states higher_is_better {higher_is_better!r}, expected True or False")
    return Metric(
        name=name,
        title=name.partition(":")[2],
        unit=str(unit),
        higher_is_better=higher_is_better,
        low=-math.inf,
        high=math.inf,
        ideal=None,
        source=name,
        definitions=dict.fromkeys(DEFINITIONS, _own(name, function)),
    )


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
