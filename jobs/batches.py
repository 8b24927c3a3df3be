"""Scoring in batches by torch, on any device: threads read the pictures, and each crosses to the device once.

What torch has no form of (definition ``package``, metrics of the user's own) is left to the CPU kernels, and the log
says so. Values for a pair are those of the kernels as far as ``srcnn.metrics.batched`` promises.
"""

import logging
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from jobs.device import device_text
from jobs.job import task_cores
from jobs.scoring import (
    Key,
    Prepare,
    Scores,
    ToScore,
    in_parallel,
    key_columns,
    merged,
    reason_of,
    row_key,
    rows_or_reason,
    score_comparisons,
    score_picture,
)
from srcnn.experiment import EvaluateConfig
from srcnn.metrics import tell_undefined
from srcnn.metrics.batched import BATCHED, Pairs, Pictures, at_once, score_pairs, values
from srcnn.protocol_batches import WAYS, Batch
from srcnn.protocols import Compared, Comparison

# Memory for the pairs that are compared at once; more of a CPU's is no faster.
GPU_GB, CPU_GB = 4.0, 0.5
MOST_PICTURES = 256  # read at once, however small they are: their rows are kept when all of them are scored

_log = logging.getLogger(__name__)


@dataclass
class _Subject:
    """What is compared of a picture by one method, in memory: its pairs, and the metrics that some of them lack.

    ``values`` are those that were computed, by the key of a row.
    """

    to_score: ToScore
    compared: tuple[Compared, ...]
    pairs: list[Comparison]
    lacking: tuple[str, ...]
    values: dict[Key, dict[str, float | None]] = field(default_factory=dict)

    @property
    def alike(self) -> tuple[Any, ...]:
        """What subjects have in common that are compared in one batch."""
        types = tuple(picture.dtype for each in self.compared for picture in each.pictures)
        compared = tuple((each.way, each.settings, each.shapes) for each in self.compared)
        return self.lacking, self.to_score.data_range, types, compared

    @property
    def size(self) -> int:
        """The numbers in its largest picture."""
        return max((picture.size for each in self.compared for picture in each.pictures), default=0)


class Batches:
    """Scoring on a device, many pairs of one size at once; see ``jobs.backends.Backend``."""

    def __init__(self, device: torch.device) -> None:
        self.device = str(device)
        # Of a GPU at most half of what nobody else uses.
        self.memory_gb = CPU_GB if device.type == "cpu" else min(GPU_GB, torch.cuda.mem_get_info()[0] / 2e9)
        self.name = f"torch, {device_text(device)}"

    def score(
        self, prepare: Prepare, calls: Sequence[tuple[Any, ...]], evaluate: EvaluateConfig, workers: int | None
    ) -> Iterator[Scores | str]:
        """Give the scores of each call's picture, in order, or the reason why there are none."""
        threads, left = workers or task_cores(), _without_form(evaluate)
        names = [name for name in evaluate.metrics if name in BATCHED] if "paper" in evaluate.definitions else []
        if left and calls:
            _log.warning("torch has no form in batches of %s: computed by the CPU kernels", ", ".join(left))
        if self.device == "cpu":
            torch.set_num_threads(threads)
        done = 0
        for pictures in _read_ahead(prepare, calls, names, threads, at_once(1, 1, 1, self.memory_gb)):
            self._compute(subject for picture in pictures if not isinstance(picture, str) for subject in picture)
            results: Iterator[Scores | str] = iter(())
            if left:  # each is read once more, by the process that computes the rest
                of_each = [
                    (score_picture, prepare, call, evaluate, _values_of(picture))
                    for call, picture in zip(calls[done:], pictures, strict=False)
                    if not isinstance(picture, str)
                ]
                results = in_parallel(rows_or_reason, of_each, workers, evaluate)
            for picture in pictures:
                if isinstance(picture, str):
                    yield picture
                else:
                    yield next(results) if left else _scores(picture, evaluate)
            done += len(pictures)

    def _compute(self, subjects: Iterable[_Subject]) -> None:
        """Compute the lacking values of subjects; those that are alike are compared together."""
        groups: dict[tuple[Any, ...], list[_Subject]] = {}
        for subject in subjects:
            if subject.lacking:
                groups.setdefault(subject.alike, []).append(subject)
        for group in groups.values():
            # Nothing is fetched before all is sent: the device computes while the next pairs are made ready.
            sent = [
                (batch, self._scores(batch, references, group[0].lacking)) for batch, references in self._batches(group)
            ]
            for batch, scores in sent:
                _keep(group, batch, values(scores))

    def _batches(self, group: list[_Subject]) -> Iterator[tuple[Batch, Pictures]]:
        """Give the batches of subjects that are alike, and their references: those of the batch before, if they are."""
        there: dict[int, Tensor] = {}  # by the first subject's picture: each is sent once
        references: Pictures | None = None
        for number, compared in enumerate(group[0].compared):
            for place, picture in enumerate(compared.pictures):
                if id(picture) not in there:
                    stack = np.stack([subject.compared[number].pictures[place] for subject in group])
                    if stack.dtype == np.uint16:  # with which torch does not calculate
                        stack = stack.astype(np.int32)
                    there[id(picture)] = torch.from_numpy(stack).to(self.device)
            pictures = [there[id(picture)] for picture in compared.pictures]
            for batch in WAYS[compared.way](*pictures, *compared.settings):
                if references is None or references.images is not batch.references:
                    references = Pictures(batch.references, group[0].to_score.data_range)
                yield batch, references

    def _scores(self, batch: Batch, references: Pictures, names: Sequence[str]) -> dict[str, Tensor]:
        """Return the values of each metric for the pairs of a batch, part by part where they are many."""
        height, width, *bands = references.images.shape[1:]
        most = at_once(height, width, bands[0] if bands else 1, self.memory_gb)
        found = []
        for first in range(0, len(batch), most):
            part = slice(first, first + most)
            of = None if batch.of is None else batch.of[part]
            whole = batch.of is not None or len(batch) <= most
            own = references if whole else Pictures(batch.references[part], references.data_range)
            estimates = Pictures(batch.estimates(part), references.data_range)
            found.append(score_pairs(Pairs(own, estimates, of), names))
        return {name: torch.cat([scores[name] for scores in found]) for name in names}


def _keep(group: list[_Subject], batch: Batch, scores: list[dict[str, float | None]]) -> None:
    """Give each subject of a group the values of its pairs in a batch."""
    size = tuple(batch.references.shape[1:])
    rows = iter(scores)
    for subject in group:
        for box in batch.boxes:
            row = next(rows)
            key = key_columns(subject.to_score.picture, batch.protocol, batch.upsampler, batch.zoom, "paper", box)
            subject.values[row_key(key)] = row
            for name in (name for name, value in row.items() if value is None):
                tell_undefined(name, "paper", size)


def _values_of(picture: list[_Subject]) -> dict[Key, dict[str, float | None]]:
    return {key: row for subject in picture for key, row in subject.values.items()}


def _scores(picture: list[_Subject], evaluate: EvaluateConfig) -> Scores:
    """Return the rows of a picture whose values are all there."""
    rows = [
        row
        for subject in picture
        for row in score_comparisons(
            subject.to_score.picture,
            subject.pairs,
            evaluate,
            merged(subject.values, subject.to_score.known),
            subject.to_score.data_range,
        )
    ]
    return Scores(rows, tuple(state for subject in picture for state in subject.to_score.state))


def _without_form(evaluate: EvaluateConfig) -> list[str]:
    """Return in words what of a scoring torch has no form of."""
    definitions = [f"definition {name}" for name in evaluate.definitions if name != "paper"]
    return definitions + [f"metric {name}" for name in evaluate.metrics if name not in BATCHED]


def _read_ahead(
    prepare: Prepare, calls: Sequence[tuple[Any, ...]], names: Sequence[str], threads: int, most: int
) -> Iterator[list[list[_Subject] | str]]:
    """Give the pictures of the calls, so many together that their largest pictures hold ``most`` numbers.

    Others are read meanwhile, as many as were given last. A picture that cannot be read is the reason why.
    """
    some: list[list[_Subject] | str] = []
    size, ahead, rest = 0, 2 * threads, iter(calls)
    waiting: deque[Future[list[_Subject] | str]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            while True:
                for call in islice(rest, ahead - len(waiting)):
                    waiting.append(pool.submit(_read, prepare, call, names))
                if not waiting:
                    break
                picture = waiting.popleft().result()
                some.append(picture)
                size += 0 if isinstance(picture, str) else sum(subject.size for subject in picture)
                if size >= most or len(some) == MOST_PICTURES:
                    ahead = max(ahead, len(some))
                    yield some
                    some, size = [], 0
            if some:
                yield some
        finally:
            pool.shutdown(cancel_futures=True)


def _read(prepare: Prepare, call: tuple[Any, ...], names: Sequence[str]) -> list[_Subject] | str:
    """Return what is compared of a picture, or the reason why there is nothing."""
    try:
        return [_subject(to_score, names) for to_score in prepare(*call)]
    except BaseException as error:  # noqa: BLE001 - signals arrive in the main thread: whatever it is, it is its own
        return reason_of(error)


def _subject(to_score: ToScore, names: Sequence[str]) -> _Subject:
    compared = tuple(to_score.compared)
    pairs = [pair for each in compared for pair in each.comparisons()]
    return _Subject(to_score, compared, pairs, tuple(_lacking(to_score, pairs, names)))


def _lacking(to_score: ToScore, pairs: list[Comparison], names: Sequence[str]) -> Sequence[str]:
    if not to_score.known:
        return names if pairs else ()
    places = ((pair.protocol, pair.upsampler, pair.zoom, "paper", pair.box) for pair in pairs)
    known = [to_score.known.get(row_key(key_columns(to_score.picture, *place)), {}) for place in places]
    return [name for name in names if any(name not in values for values in known)]
