"""Comparisons scored: rows of the score table, computed in parallel, each with a reason where there is none."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import numpy as np

from jobs.parallel import Ended, spread
from srcnn.door import sentence
from srcnn.experiment import EvaluateConfig
from srcnn.metrics import METRICS, Reference, warm_up
from srcnn.patches import Box
from srcnn.protocols import Compared, Comparison
from srcnn.schema import KEY_COLUMNS
from srcnn.words import listed, text_of, told

_log = logging.getLogger(__name__)
Row = dict[str, Any]
Key = tuple[Any, ...]
# Values known from an earlier scoring, by key and metric.
Known = Mapping[Key, Mapping[str, float | None]]
Result = TypeVar("Result")
LOOK_S = 1.0  # for a signal, while a picture is scored


@dataclass(frozen=True)
class ScoredPicture:
    """The picture that is scored: the key columns that all its comparisons share."""

    set: str
    image: str
    method: str
    run_id: str | None = None
    epoch: int | None = None


@dataclass(frozen=True)
class ToScore:
    """What is compared of a picture, and what is known of it from an earlier scoring.

    ``state`` tells the files that are compared from later ones of the same name, where that matters. ``data_range`` is
    the full span of the pictures' values; 255 of bytes.
    """

    picture: ScoredPicture
    compared: Iterable[Compared]
    known: Known = field(default_factory=dict)
    state: tuple[str, ...] = ()
    data_range: float | None = None


@dataclass(frozen=True)
class Scores:
    """The rows of one picture, and the state of the files that they were made from."""

    rows: list[Row]
    state: tuple[str, ...] = ()


# What gives a picture's comparisons by each method, for the arguments of one call.
Prepare = Callable[..., Iterable[ToScore]]


def score_picture(
    prepare: Prepare, arguments: tuple[Any, ...], evaluate: EvaluateConfig, known: Known | None = None
) -> Scores:
    """Return the scores of the picture that ``prepare`` gives for these arguments, by the CPU kernels.

    ``known`` are values that were computed elsewhere meanwhile.
    """
    rows: list[Row] = []
    state: tuple[str, ...] = ()
    for each in prepare(*arguments):
        comparisons = chain.from_iterable(compared.comparisons() for compared in each.compared)
        all_known = merged(known or {}, each.known)
        rows += score_comparisons(each.picture, comparisons, evaluate, all_known, each.data_range)
        state += each.state
    return Scores(rows, state)


def merged(computed: Known, known: Known) -> Known:
    """Return the values of two scorings; the second one's, where both have one."""
    return {**computed, **{key: {**computed.get(key, {}), **values} for key, values in known.items()}}


def score_comparisons(
    subject: ScoredPicture,
    comparisons: Iterable[Comparison],
    evaluate: EvaluateConfig,
    known: Known | None = None,
    data_range: float | None = None,
) -> Iterator[Row]:
    """Give a row for every comparison and definition, in the columns of ``score_schema``.

    Values in ``known`` are taken over; only the other metrics are computed. What the metrics need of
    a reference is computed once for consecutive comparisons that share it, then forgotten.
    """
    shared: Reference | None = None
    shared_image: np.ndarray | None = None
    for comparison in comparisons:
        estimate: np.ndarray | None = None
        for definition in evaluate.definitions:
            place = comparison.protocol, comparison.upsampler, comparison.zoom, definition, comparison.box
            row = key_columns(subject, *place)
            values = dict((known or {}).get(row_key(row), {}))
            wanted = [name for name in evaluate.metrics if name not in values]
            if wanted:
                estimate = comparison.estimate() if estimate is None else estimate
                if shared is None or comparison.reference is not shared_image:
                    shared_image = comparison.reference
                    shared = Reference(shared_image, data_range)
                values |= shared.score(estimate, wanted, definition)
            yield {**row, **{name: values[name] for name in evaluate.metrics}}


def key_columns(
    subject: ScoredPicture, protocol: str, upsampler: str | None, zoom: int, definition: str, box: Box
) -> Row:
    """Return the key columns of a row, in their order."""
    return {
        "run_id": subject.run_id,
        "epoch": subject.epoch,
        "set": subject.set,
        "image": subject.image,
        "method": subject.method,
        "protocol": protocol,
        "upsampler": upsampler,
        "zoom": zoom,
        "definition": definition,
        **box._asdict(),
    }


def row_key(row: Mapping[str, Any]) -> Key:
    """Return the values of the key columns, in order."""
    return tuple(row[column] for column in KEY_COLUMNS)


def in_parallel(
    function: Any, arguments: Iterable[tuple[Any, ...]], workers: int | None, evaluate: EvaluateConfig | None = None
) -> Iterator[Any]:
    """Give the results of the calls, in order, from as many processes as the task has cores (or ``workers``).

    The result of a call that ended its process, as the user's own metric may, is the reason. The metrics of
    ``evaluate`` are compiled once, before the processes start.
    """
    if evaluate is not None:
        warm_up(evaluate.definitions, [name for name in evaluate.metrics if name in METRICS])
    own = [name for name in evaluate.metrics if name not in METRICS] if evaluate is not None else []
    who = f"one of the metrics {', '.join(own)} ends" if len(own) > 1 else f"metric {own[0]} ends" if own else "it ends"
    for result in spread(function, arguments, workers, endings=True, apart=bool(own)):
        yield f"{who} Python ({result.how})" if isinstance(result, Ended) else result


def rows_or_reason(function: Callable[..., Result], *arguments: Any) -> Result | str:
    """Return what a call returns, or why it failed: one bad picture costs its own rows and no others.

    The call is made in another thread. Signals arrive in the main thread, which waits here: so whatever the
    call raises, even KeyboardInterrupt, comes from its own code, and it does not catch what ends the whole task.
    The next call is made in the same thread, which has what kernels keep for each thread.
    """
    try:
        calls = _idle.pop()
    except IndexError:
        calls = _new_thread()
    outcome: SimpleQueue[Result | str] = SimpleQueue()
    calls.put((outcome, function, arguments))
    while True:
        try:
            result = outcome.get(timeout=LOOK_S)
        except Empty:  # a signal that came just as the wait began is answered now
            continue
        _idle.append(calls)  # not where a signal ended the wait: its call goes on
        return result


_Calls = SimpleQueue[tuple[SimpleQueue[Any], Callable[..., Any], tuple[Any, ...]]]
_idle: list[_Calls] = []  # of the threads that have nothing to do


def _new_thread() -> _Calls:
    calls: _Calls = SimpleQueue()
    threading.Thread(target=_answer, args=(calls,), daemon=True).start()
    return calls


def _answer(calls: _Calls) -> None:
    while True:
        _answer_one(*calls.get())


def _answer_one(outcome: SimpleQueue[Any], function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """Put what a call returns, or why it failed; a function of its own, so that a waiting thread holds no picture."""
    try:
        result = function(*arguments)
    except BaseException as error:  # noqa: BLE001 - the user's own metric may raise anything
        try:
            result = reason_of(error)
        except BaseException:  # noqa: BLE001 - its words come from the user's own code, too
            result = f"{type(error).__name__}, whose own words cannot be had"
    outcome.put(result)


def reason_of(error: BaseException) -> str:
    """Return in words why a picture could not be scored; what nobody expected is logged with its place."""
    if isinstance(error, ValueError):  # its message names the picture, the file or the metric
        return text_of(error)
    if isinstance(error, OSError | MemoryError):
        return sentence(error)
    _log.error("a picture could not be scored", exc_info=error)
    return told(error)


class ScoringError(ValueError):
    """Pictures that could not be scored, with the reasons."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__(
            f"could not be scored:{listed(reasons)}\nAll other scores are kept; mend what is named and submit the "
            "study again."
        )
