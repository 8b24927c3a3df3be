"""Scoring any two folders of same-named pictures: what ``python -m jobs.evaluate`` does."""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from srcnn.bounds import MOST_WORKERS, within
from srcnn.called import called
from srcnn.door import command, sentence
from srcnn.output import refuse_to_replace
from srcnn.words import counted

if TYPE_CHECKING:
    from jobs.kept_scores import KeptScores, State
    from jobs.pairs import Pair
    from jobs.scoring import Row
    from srcnn.experiment import EvaluateConfig
    from srcnn.protocols import Comparison

DEFINITIONS = ("paper", "package")
PROTOCOLS = ("region", "whole", "compound", "luma")
UPSAMPLERS = ("nearest", "bilinear", "bicubic", "lanczos", "zero_stuffing")


def parser() -> argparse.ArgumentParser:
    """The command line. Names are listed here, not imported, so that --help answers at once."""
    p = argparse.ArgumentParser(
        prog=called("jobs.evaluate"),
        description="Score the pictures of one folder against those of the same name in another. Writes "
        "OUT/scores.parquet in the columns of every study's scores.",
    )
    p.add_argument("--reference", required=True, type=Path, help="folder of originals")
    p.add_argument("--estimate", required=True, type=Path, help="folder of restored pictures")
    p.add_argument("--out", required=True, type=Path, help="folder for scores.parquet")
    p.add_argument("--overwrite", action="store_true", help="replace a scores.parquet that is from elsewhere")
    p.add_argument("--protocol", nargs="+", choices=PROTOCOLS, default=["region"], help="default: region")
    p.add_argument(
        "--crop",
        nargs=2,
        type=within(int, 1, 1_000_000),
        metavar=("H", "W"),
        help="size of the regions (default: the whole picture)",
    )
    p.add_argument("--upsampler", nargs="+", choices=UPSAMPLERS, default=["bicubic"], help="for whole and compound")
    p.add_argument("--definition", nargs="+", choices=DEFINITIONS, default=["paper"])
    p.add_argument("--metrics", nargs="+", help="default: all that are quick")
    p.add_argument(
        "--shave",
        type=within(int, 0, 1000),
        default=0,
        metavar="N",
        help="border pixels left out by protocol luma",
    )
    p.add_argument("--workers", type=within(int, 1, MOST_WORKERS), metavar="N", help="processes (default: one a core)")
    return p


@command
def main(argv: list[str] | None = None) -> int:
    """0 if every picture was scored, 1 if some were left out, 2 if nothing could be begun."""
    arguments = parser().parse_args(argv)
    try:
        evaluate, pairs, alone = _checked(arguments)
        comparison = _comparison(arguments, evaluate)
    except ValueError as error:
        print(f"error: {sentence(error)}", file=sys.stderr)
        return 2

    from joblib.externals.loky.process_executor import TerminatedWorkerError

    from jobs.kept_scores import KeptScores, is_kept
    from jobs.parallel import WorkerKilled
    from jobs.pictures import passed_over
    from jobs.scoring import write_shard
    from srcnn.files import make_folder

    target = arguments.out / "scores.parquet"
    kept = KeptScores(arguments.out / f"scores.{comparison}.unfinished.jsonl")
    make_folder(arguments.out)  # before hours of scoring
    inputs = [file for pair in pairs for file in (pair.reference, pair.estimate)]
    for file, is_own in ((target, _is_own), (kept.file, is_kept)):
        if refusal := refuse_to_replace(file, arguments.overwrite, *inputs, is_own=is_own):
            print(f"error: {refusal}", file=sys.stderr)
            return 2
    if not is_kept(kept.file):  # to which is added
        kept.file.unlink(missing_ok=True)
    for folder in (arguments.reference, arguments.estimate):
        for note in passed_over(str(folder.absolute())):
            print(f"note: {note}", file=sys.stderr)

    try:
        rows, failed = _score(pairs, evaluate, arguments, kept)
        if rows:
            write_shard(target, rows, {}, evaluate, comparison=comparison)
    except BaseException as error:
        print(f"what was scored is kept in {kept.file}; the same command goes on from there", file=sys.stderr)
        if not isinstance(error, WorkerKilled | TerminatedWorkerError):
            raise
        print(f"error: {sentence(error)}", file=sys.stderr)
        return 1
    for reason in (*alone, *failed):
        print(f"left out: {reason}", file=sys.stderr)
    if not (rows and failed):
        kept.file.unlink(missing_ok=True)
    if not rows:
        print("error: nothing could be scored", file=sys.stderr)
        return 2
    print(_means(rows, evaluate))
    pictures = len({row["image"] for row in rows})
    print(f"{counted(len(rows), 'comparison')} of {counted(pictures, 'picture')} in {target}")
    if failed:
        print("once what was left out is mended, the same command scores only that", file=sys.stderr)
    return int(bool(alone or failed))


def _is_own(target: Path) -> bool:
    """Whether a file of scores was written by this command."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return "comparison" in json.loads((pq.read_schema(target).metadata or {}).get(b"made_from", b"{}"))
    except (OSError, ValueError, pa.ArrowException):
        return False


def _comparison(arguments: argparse.Namespace, evaluate: "EvaluateConfig") -> str:
    """A name for all that decides the scores, but for the pictures themselves."""
    from srcnn.identity import short_hash
    from srcnn.metrics import METRICS, find
    from srcnn.own_code import code_digest

    return short_hash(
        "c",
        {
            "folders": [str(folder.resolve()) for folder in (arguments.reference, arguments.estimate)],
            "settings": [evaluate.model_dump(mode="json"), arguments.protocol, arguments.crop, arguments.shave],
            "metrics": {
                name: find(name).version if name in METRICS else code_digest(name) for name in evaluate.metrics
            },
        },
    )


def _score(
    pairs: "list[Pair]", evaluate: "EvaluateConfig", arguments: argparse.Namespace, kept: "KeptScores"
) -> "tuple[list[Row], list[str]]":
    """Rows of all pairs, those that were kept before among them, and why some have none."""
    from rich.progress import track

    from jobs.scoring import in_parallel
    from srcnn.terminal import Terminal

    rows = kept.read({pair.name: (pair.reference, pair.estimate) for pair in pairs})
    if rows:
        print(f"{len(rows)} of {len(pairs)} pictures were scored before: {kept.file}")
    failed = []
    todo = [pair for pair in pairs if pair.name not in rows]
    results = in_parallel(_score_pair, [(pair, evaluate, arguments) for pair in todo], arguments.workers, evaluate)
    with kept.adding() as add:
        for pair, result in zip(todo, track(results, "scoring", total=len(todo), console=Terminal()), strict=True):
            state, found = ([], f"{pair.estimate}: {result}") if isinstance(result, str) else result
            if isinstance(found, str):
                failed.append(found)
            else:
                rows[pair.name] = found
                add(pair.name, state, found)
    return [row for pair in pairs for row in rows.get(pair.name, ())], failed


def _checked(arguments: argparse.Namespace) -> "tuple[EvaluateConfig, list[Pair], list[str]]":
    """The settings, the pairs of one name, and complaints about pictures that have no partner."""
    from pydantic import ValidationError

    from jobs.own_check import check_own_code, own_metrics
    from jobs.pairs import pairs_of
    from srcnn.experiment import EvaluateConfig

    if "whole" in arguments.protocol and not arguments.crop:
        raise ValueError("protocol whole compares crops: say their size with --crop H W")
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
    for note in check_own_code(own_metrics(evaluate.metrics)):  # what cannot be computed is said before anything is
        print(f"note: {note}", file=sys.stderr)
    return evaluate, *pairs_of(arguments.reference, arguments.estimate)


def _score_pair(
    pair: "Pair", evaluate: "EvaluateConfig", arguments: argparse.Namespace
) -> "tuple[State, list[Row] | str]":
    """The state of a pair's files, and its rows, or the reason why there are none."""
    from jobs.kept_scores import state_of
    from jobs.scoring import rows_or_reason

    state = state_of(pair.reference, pair.estimate)
    found = rows_or_reason(_rows, pair, evaluate, arguments)
    named = isinstance(found, str) and (str(pair.reference) in found or str(pair.estimate) in found)
    return state, f"{pair.estimate}: {found}" if isinstance(found, str) and not named else found


def _rows(pair: "Pair", evaluate: "EvaluateConfig", arguments: argparse.Namespace) -> "list[Row]":
    from jobs.scoring import Subject, score_comparisons

    comparisons = list(_compare(pair, evaluate, arguments))
    if not comparisons:
        raise ValueError("is smaller than the crop")
    return list(score_comparisons(Subject(pair.set, pair.name, pair.method), comparisons, evaluate))


def _compare(pair: "Pair", evaluate: "EvaluateConfig", arguments: argparse.Namespace) -> "Iterator[Comparison]":
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
