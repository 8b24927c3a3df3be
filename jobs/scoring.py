"""From pictures to rows of the score table: what ``evaluate`` and ``baseline`` share."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jobs.parallel import Ended, spread
from srcnn.door import sentence
from srcnn.experiment import EvaluateConfig
from srcnn.metrics import METRICS, Reference, warm_up
from srcnn.protocols import Comparison
from srcnn.schema import KEY_COLUMNS
from srcnn.words import listed, text_of, told

_log = logging.getLogger(__name__)
Row = dict[str, Any]
Key = tuple[Any, ...]
# Values known from an earlier scoring, by key and metric.
Known = Mapping[Key, Mapping[str, float | None]]


@dataclass(frozen=True)
class ScoredPicture:
    """Whose picture is scored: the key columns that all its comparisons share."""

    set: str
    image: str
    method: str
    run_id: str | None = None
    epoch: int | None = None


def score_comparisons(
    subject: ScoredPicture, comparisons: Iterable[Comparison], evaluate: EvaluateConfig, known: Known | None = None
) -> Iterator[Row]:
    """A row for each comparison and definition, in the columns of ``score_schema``.

    What ``known`` holds is taken over; only the other metrics are computed. What the metrics need of
    a reference is computed once for the comparisons in a row that share it, then forgotten.
    """
    shared: Reference | None = None
    shared_image: np.ndarray | None = None
    for comparison in comparisons:
        estimate: np.ndarray | None = None
        for definition in evaluate.definitions:
            row: Row = {
                "run_id": subject.run_id,
                "epoch": subject.epoch,
                "set": subject.set,
                "image": subject.image,
                "method": subject.method,
                "protocol": comparison.protocol,
                "upsampler": comparison.upsampler,
                "zoom": comparison.zoom,
                "definition": definition,
                **comparison.box._asdict(),
            }
            values = dict((known or {}).get(row_key(row), {}))
            wanted = [name for name in evaluate.metrics if name not in values]
            if wanted:
                estimate = comparison.estimate() if estimate is None else estimate
                if shared is None or comparison.reference is not shared_image:
                    shared_image = comparison.reference
                    shared = Reference(shared_image)
                values |= shared.score(estimate, wanted, definition)
            yield {**row, **{name: values[name] for name in evaluate.metrics}}


def row_key(row: Mapping[str, Any]) -> Key:
    """The values of the key columns, in order."""
    return tuple(row[column] for column in KEY_COLUMNS)


def in_parallel(
    function: Any, arguments: Iterable[tuple[Any, ...]], workers: int | None, evaluate: EvaluateConfig | None = None
) -> Iterator[Any]:
    """Results of the calls, in order, from as many processes as the task has cores (or ``workers``).

    Where a call ended its process, as a metric of one's own may, the reason stands for its result. The metrics of
    ``evaluate`` are compiled before the processes start, so that not each of them does it.
    """
    if evaluate is not None:
        warm_up(evaluate.definitions, [name for name in evaluate.metrics if name in METRICS])
    own = [name for name in evaluate.metrics if name not in METRICS] if evaluate is not None else []
    who = f"one of the metrics {', '.join(own)} ends" if len(own) > 1 else f"metric {own[0]} ends" if own else "it ends"
    for result in spread(function, arguments, workers, endings=True, apart=bool(own)):
        yield f"{who} Python ({result.how})" if isinstance(result, Ended) else result


def rows_or_reason(function: Callable[..., list[Row]], *arguments: Any) -> list[Row] | str:
    """What a call returns, or why it returned nothing: one bad picture costs its own rows and no others.

    It is called in a thread of its own. Signals arrive in the main thread, which waits here, so that whatever
    the call raises, an interrupt too, is its own, and it takes none for its own that ends the whole task.
    """
    found: list[list[Row] | str] = []

    def call() -> None:
        try:
            found.append(function(*arguments))
        except BaseException as error:  # noqa: BLE001 - also what a metric of one's own may end a program with
            found.append(_reason(error))

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join()
    return found[0]


def _reason(error: BaseException) -> str:
    if isinstance(error, ValueError):  # a picture, a file or a metric, which names itself
        return text_of(error)
    if isinstance(error, OSError | MemoryError):
        return sentence(error)
    _log.error("a picture could not be scored", exc_info=error)
    return told(error)


class ScoringError(ValueError):
    """Pictures that could not be scored, each with the reason."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__(
            f"could not be scored:{listed(reasons)}\nAll other scores are kept; mend what is named and submit the "
            "study again."
        )
