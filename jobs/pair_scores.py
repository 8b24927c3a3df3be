"""Two pictures of one name, to be scored: what each process of a scoring of folders imports, and so without pandas."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from jobs.kept_scores import state_of
from jobs.pairs import FilePair
from jobs.scoring import ScoredPicture, ToScore
from srcnn.clips import read_pixels
from srcnn.deep import is_usual, read_deep, span, stored
from srcnn.experiment import EvaluateConfig
from srcnn.files import is_grey_file
from srcnn.protocols import Compared
from srcnn.views import measured_luma


def pair_to_score(pair: FilePair, evaluate: EvaluateConfig, arguments: argparse.Namespace) -> Iterator[ToScore]:
    """Give what is compared of a pair, and the state of its files."""
    state = state_of(pair.reference, pair.estimate)
    reference, estimate = _pixels(pair.reference, pair.frame), _pixels(pair.estimate, pair.frame)
    yield ToScore(
        ScoredPicture(pair.set, pair.name, pair.method),
        _compared(pair, reference, estimate, evaluate, arguments),
        state=tuple(state),
        data_range=span(pair.reference, reference, arguments.data_range),
    )


def _pixels(path: Path, frame: int | None) -> NDArray[Any]:
    return read_deep(path) if frame is None else read_pixels(path, frame)


def _compared(
    pair: FilePair,
    reference: NDArray[Any],
    estimate: NDArray[Any],
    evaluate: EvaluateConfig,
    arguments: argparse.Namespace,
) -> Iterator[Compared]:
    _require_fit(pair.reference, reference, evaluate, arguments)
    crops = evaluate.crops if arguments.crop else ((reference.shape[0], reference.shape[1]),)
    if "region" in arguments.protocol:
        yield Compared("region", (reference, estimate), (crops,))
    if "whole" in arguments.protocol:
        yield Compared("whole", (estimate,), (crops, evaluate.upsamplers))
    if "luma" in arguments.protocol:
        grey = pair.frame is None and is_grey_file(pair.reference)
        lumas = measured_luma(reference, grey), measured_luma(estimate, grey)
        yield Compared("luma", lumas, (arguments.shave,))
    if "compound" in arguments.protocol:
        zoom = reference.shape[0] // estimate.shape[0]
        if zoom < 2 or any(side % zoom for crop in crops for side in crop):
            raise ValueError(
                f"protocol compound needs an estimate at 1/k of the reference's size and crops that are multiples "
                f"of k, not {estimate.shape[1]}x{estimate.shape[0]} for {reference.shape[1]}x{reference.shape[0]}"
            )
        yield Compared("compound", (reference, estimate), (crops, zoom, evaluate.upsamplers))


def _require_fit(path: Path, picture: NDArray[Any], evaluate: EvaluateConfig, arguments: argparse.Namespace) -> None:
    """Raise ValueError for a picture that a protocol or a definition would reduce to 8 bits or to three bands."""
    if not is_usual(picture) and arguments.protocol != ["region"]:
        raise ValueError(
            f"{path}: has {stored(picture)}; only protocol region compares others than 8-bit RGB: say --protocol region"
        )
    if picture.dtype != "uint8" and "package" in evaluate.definitions:
        raise ValueError(f"{path}: has {stored(picture)}, and definition package is of 8 bits: say --definition paper")
