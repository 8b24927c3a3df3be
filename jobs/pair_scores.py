"""Two pictures of one name scored: what each process of a scoring of folders imports, and so without pandas."""

import argparse
from collections.abc import Iterator

from jobs.kept_scores import FileState, state_of
from jobs.pairs import FilePair
from jobs.scoring import Row, ScoredPicture, rows_or_reason, score_comparisons
from srcnn import protocols
from srcnn.clips import read_pixels
from srcnn.experiment import EvaluateConfig
from srcnn.files import is_grey_file
from srcnn.protocols import Comparison
from srcnn.views import measured_luma


def score_pair(
    pair: FilePair, evaluate: EvaluateConfig, arguments: argparse.Namespace
) -> tuple[FileState, list[Row] | str]:
    """Return the state of a pair's files, and its rows or the reason why there are none."""
    state = state_of(pair.reference, pair.estimate)
    scored = rows_or_reason(_rows, pair, evaluate, arguments)
    if isinstance(scored, str) and str(pair.reference) not in scored and str(pair.estimate) not in scored:
        scored = f"{pair.place}: {scored}"
    return state, scored


def _rows(pair: FilePair, evaluate: EvaluateConfig, arguments: argparse.Namespace) -> list[Row]:
    comparisons = list(_compare(pair, evaluate, arguments))
    if not comparisons:
        raise ValueError("is smaller than the crop")
    return list(score_comparisons(ScoredPicture(pair.set, pair.name, pair.method), comparisons, evaluate))


def _compare(pair: FilePair, evaluate: EvaluateConfig, arguments: argparse.Namespace) -> Iterator[Comparison]:
    reference, estimate = read_pixels(pair.reference, pair.frame), read_pixels(pair.estimate, pair.frame)
    crops = evaluate.crops if arguments.crop else ((reference.shape[0], reference.shape[1]),)
    if "region" in arguments.protocol:
        yield from protocols.region(reference, estimate, crops)
    if "whole" in arguments.protocol:
        yield from protocols.whole(estimate, crops, evaluate.upsamplers)
    if "luma" in arguments.protocol:
        grey = pair.frame is None and is_grey_file(pair.reference)
        yield from protocols.luma(measured_luma(reference, grey), measured_luma(estimate, grey), arguments.shave)
    if "compound" in arguments.protocol:
        zoom = reference.shape[0] // estimate.shape[0]
        if zoom < 2 or any(side % zoom for crop in crops for side in crop):
            raise ValueError(
                f"protocol compound needs an estimate at 1/k of the reference's size and crops that are multiples "
                f"of k, not {estimate.shape[1]}x{estimate.shape[0]} for {reference.shape[1]}x{reference.shape[0]}"
            )
        yield from protocols.compound(reference, estimate, crops, zoom, evaluate.upsamplers)
