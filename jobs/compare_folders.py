"""Scoring any two folders of same-named pictures: what ``python -m jobs.evaluate`` does."""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from srcnn.door import command

if TYPE_CHECKING:
    from jobs.scoring import Row
    from srcnn.experiment import EvaluateConfig
    from srcnn.protocols import Comparison

DEFINITIONS = ("paper", "package")
PROTOCOLS = ("region", "whole", "compound", "luma")
UPSAMPLERS = ("nearest", "bilinear", "bicubic", "lanczos", "zero_stuffing")


def parser() -> argparse.ArgumentParser:
    """The command line. Names are listed here, not imported, so that --help answers at once."""
    p = argparse.ArgumentParser(
        prog="python -m jobs.evaluate",
        description="Score the pictures of one folder against those of the same name in another. Writes "
        "OUT/scores.parquet in the columns of every study's scores.",
    )
    p.add_argument("--reference", required=True, type=Path, help="folder of originals")
    p.add_argument("--estimate", required=True, type=Path, help="folder of restored pictures")
    p.add_argument("--out", required=True, type=Path, help="folder for scores.parquet")
    p.add_argument("--protocol", nargs="+", choices=PROTOCOLS, default=["region"], help="default: region")
    p.add_argument(
        "--crop", nargs=2, type=int, metavar=("H", "W"), help="size of the regions (default: the whole picture)"
    )
    p.add_argument("--upsampler", nargs="+", choices=UPSAMPLERS, default=["bicubic"], help="for whole and compound")
    p.add_argument("--definition", nargs="+", choices=DEFINITIONS, default=["paper"])
    p.add_argument("--metrics", nargs="+", help="default: all that are quick")
    p.add_argument("--shave", type=int, default=0, metavar="N", help="border pixels left out by protocol luma")
    p.add_argument("--workers", type=int, help="processes (default: one a core)")
    return p


@command
def main(argv: list[str] | None = None) -> int:
    """0 if every picture was scored, 1 if some were left out, 2 if nothing could be begun."""
    arguments = parser().parse_args(argv)
    try:
        evaluate, pairs, alone = _checked(arguments)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2

    from rich.progress import track

    from jobs.scoring import in_parallel, write_shard

    calls = [(Pair(*pair, arguments.reference.name, arguments.estimate.name), evaluate, arguments) for pair in pairs]
    rows: list[Row] = []
    left_out = alone
    results = in_parallel(_score_pair, calls, arguments.workers, evaluate)
    for found in track(results, "scoring", total=len(calls)):
        if isinstance(found, str):
            left_out.append(found)
        else:
            rows += found
    for reason in left_out:
        print(f"left out: {reason}", file=sys.stderr)
    if not rows:
        print("error: nothing could be scored", file=sys.stderr)
        return 2
    target = arguments.out / "scores.parquet"
    write_shard(target, rows, {}, evaluate)
    print(_means(rows, evaluate))
    print(f"{len(rows)} comparisons of {len({row['image'] for row in rows})} pictures in {target}")
    return int(bool(left_out))


@dataclass(frozen=True)
class Pair:
    """A picture and its restoration, and the names that their scores carry."""

    name: str
    reference: Path
    estimate: Path
    set: str
    method: str


def _checked(arguments: argparse.Namespace) -> "tuple[EvaluateConfig, list[tuple[str, Path, Path]], list[str]]":
    """The settings, the pairs of one name, and complaints about pictures that have no partner."""
    from pydantic import ValidationError

    from jobs.pictures import find_files
    from srcnn.experiment import EvaluateConfig
    from srcnn.paths import RootPaths

    if "whole" in arguments.protocol and not arguments.crop:
        raise ValueError("protocol whole compares crops: say their size with --crop H W")
    if arguments.shave < 0 or (arguments.workers is not None and arguments.workers < 1):
        raise ValueError("--shave must be at least 0 and --workers at least 1")
    settings = {
        "protocols": arguments.protocol,
        "upsamplers": arguments.upsampler,
        "definitions": arguments.definition,
        "zooms": (),
        **({"crops": [arguments.crop]} if arguments.crop else {}),
        **({"metrics": arguments.metrics} if arguments.metrics else {}),
    }
    try:
        # Zooms follow from the pictures' sizes, so the crop is checked against them pair by pair.
        without = {**settings, "protocols": [p for p in arguments.protocol if p != "compound"] or ["region"]}
        evaluate = EvaluateConfig(**without)
    except ValidationError as error:
        raise ValueError("; ".join(fault["msg"].removeprefix("Value error, ") for fault in error.errors())) from error
    folders = []
    for folder in (arguments.reference, arguments.estimate):
        if not folder.is_dir():
            raise ValueError(f"{folder}: no such folder")
        folders.append({file.stem: file for file in find_files(str(folder.absolute()), RootPaths(Path()), None)})
    references, estimates = folders
    pairs = [(name, references[name], estimates[name]) for name in sorted(references.keys() & estimates.keys())]
    if not pairs:
        raise ValueError(f"no picture of {arguments.estimate} has the name of one in {arguments.reference}")
    alone = [
        f"{references[name]}: no picture of this name in {arguments.estimate}"
        for name in references
        if name not in estimates
    ]
    alone += [
        f"{estimates[name]}: no picture of this name in {arguments.reference}"
        for name in estimates
        if name not in references
    ]
    return evaluate, pairs, alone


def _score_pair(pair: Pair, evaluate: "EvaluateConfig", arguments: argparse.Namespace) -> "list[Row] | str":
    """Rows of one pair, or the reason why there are none."""
    from jobs.scoring import Subject, score_comparisons

    try:
        comparisons = list(_compare(pair, evaluate, arguments))
        if not comparisons:
            return f"{pair.estimate}: is smaller than the crop"
        return list(score_comparisons(Subject(pair.set, pair.name, pair.method), comparisons, evaluate))
    except ValueError as error:
        return str(error) if str(pair.reference.parent) in str(error) else f"{pair.estimate}: {error}"


def _compare(pair: Pair, evaluate: "EvaluateConfig", arguments: argparse.Namespace) -> "Iterator[Comparison]":
    from srcnn import protocols
    from srcnn.files import is_grey_file, read_picture
    from srcnn.views import measured_luma

    reference, estimate = read_picture(pair.reference), read_picture(pair.estimate)
    crops = evaluate.crops if arguments.crop else ((reference.shape[0], reference.shape[1]),)
    if "region" in arguments.protocol:
        yield from protocols.region(reference, estimate, crops)
    if "whole" in arguments.protocol:
        yield from protocols.whole(estimate, crops, evaluate.upsamplers)
    if "luma" in arguments.protocol:
        grey = is_grey_file(pair.reference)
        yield from protocols.luma(measured_luma(reference, grey), measured_luma(estimate, grey), arguments.shave)
    if "compound" in arguments.protocol:
        zoom = reference.shape[0] // estimate.shape[0]
        if zoom < 2 or any(side % zoom for crop in crops for side in crop):
            raise ValueError(
                f"protocol compound needs an estimate at 1/k of the reference's size and crops that are multiples "
                f"of k, not {estimate.shape[1]}x{estimate.shape[0]} for {reference.shape[1]}x{reference.shape[0]}"
            )
        yield from protocols.compound(reference, estimate, crops, zoom, evaluate.upsamplers)


def _means(rows: "list[Row]", evaluate: "EvaluateConfig") -> str:
    import pandas as pd

    frame = pd.DataFrame(rows)
    by = ["protocol", "upsampler", "definition"]
    return str(
        frame.groupby(by, dropna=False)[list(evaluate.metrics)].mean().round(4).reset_index().to_string(index=False)
    )
