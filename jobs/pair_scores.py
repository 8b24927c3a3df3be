"""Two pictures of one name, to be scored: what each process of a scoring of folders imports, and so without pandas."""

import argparse
from collections.abc import Iterator

from jobs.kept_scores import state_of
from jobs.pairs import FilePair
from jobs.scoring import ScoredPicture, ToScore
from srcnn.clips import read_pixels
from srcnn.experiment import EvaluateConfig
from srcnn.files import is_grey_file
from srcnn.protocols import Compared
from srcnn.views import measured_luma


def pair_to_score(pair: FilePair, evaluate: EvaluateConfig, arguments: argparse.Namespace) -> Iterator[ToScore]:
    """Give what is compared of a pair, and the state of its files."""
    state = state_of(pair.reference, pair.estimate)
    yield ToScore(
        ScoredPicture(pair.set, pair.name, pair.method), _compared(pair, evaluate, arguments), state=tuple(state)
    )


def _compared(pair: FilePair, evaluate: EvaluateConfig, arguments: argparse.Namespace) -> Iterator[Compared]:
    reference, estimate = read_pixels(pair.reference, pair.frame), read_pixels(pair.estimate, pair.frame)
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
