"""``python -m jobs.evaluate``: the same-named pictures of any two folders, or the frames of two clips, scored."""

import argparse
import sys
from pathlib import Path

from srcnn.bounds import MOST_WORKERS, within
from srcnn.called import called
from srcnn.door import Refused, command
from srcnn.output import refuse_to_replace
from srcnn.words import counted

DEFINITIONS = ("paper", "package")
PROTOCOLS = ("region", "whole", "compound", "luma")
BACKENDS = ("cpu", "torch")
UPSAMPLERS = ("nearest", "bilinear", "bicubic", "lanczos", "zero_stuffing")


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser. Names are listed here, not imported, so that --help answers at once."""
    p = argparse.ArgumentParser(
        prog=called("jobs.evaluate"),
        description="Score the pictures of one folder against those of the same name in another, or the frames of one "
        "clip against those of another. Writes OUT/scores.parquet in the columns of every study's scores.",
    )
    p.add_argument("--reference", required=True, type=Path, help="folder of originals, or a clip")
    p.add_argument("--estimate", required=True, type=Path, help="folder of restored pictures, or a clip")
    p.add_argument("--out", required=True, type=Path, help="folder for scores.parquet")
    p.add_argument("--overwrite", action="store_true", help="replace a scores.parquet that is from elsewhere")
    p.add_argument("--protocol", nargs="+", choices=PROTOCOLS, default=["region"], help="what is compared with what")
    p.add_argument(
        "--crop",
        nargs=2,
        type=within(int, 1, 1_000_000),
        metavar=("H", "W"),
        help="size of the regions (default: the whole picture)",
    )
    p.add_argument("--upsampler", nargs="+", choices=UPSAMPLERS, default=["bicubic"], help="for whole and compound")
    p.add_argument("--definition", nargs="+", choices=DEFINITIONS, default=["paper"], help="of the metrics")
    p.add_argument("--metrics", nargs="+", help="by name, or all (default: the usual nine)")
    p.add_argument(
        "--shave",
        type=within(int, 0, 1000),
        default=0,
        metavar="N",
        help="border pixels left out by protocol luma",
    )
    p.add_argument(
        "--data-range",
        type=within(float, 0, 1e30, above=True),
        metavar="R",
        help="full span of the values (default: 255 of 8 bits, 65535 of 16; to be said for others)",
    )
    p.add_argument(
        "--backend",
        choices=BACKENDS,
        default="cpu",
        help="torch: in batches, on a GPU where there is one (default: cpu, kernels on all cores)",
    )
    p.add_argument("--workers", type=within(int, 1, MOST_WORKERS), metavar="N", help="processes (default: one a core)")
    return p


@command
def main(argv: list[str] | None = None) -> int:
    """Return 0 if every picture was scored, 1 if some were left out, 2 if nothing could be begun."""
    arguments = parser().parse_args(argv)

    from joblib.externals.loky.process_executor import TerminatedWorkerError

    from jobs.backends import backend_of
    from jobs.folder_scores import check_arguments, comparison_name, is_own, means, score
    from jobs.kept_scores import KeptScores, is_kept
    from jobs.parallel import WorkerKilled
    from jobs.pictures import passed_over
    from jobs.score_shards import write_shard
    from srcnn.files import make_folder

    try:
        evaluate, pairs, alone = check_arguments(arguments)
        comparison = comparison_name(arguments, evaluate)
    except ValueError as error:
        raise Refused(error) from error

    target = arguments.out / "scores.parquet"
    kept = KeptScores(arguments.out / f"scores.{comparison}.unfinished.jsonl")
    make_folder(arguments.out)  # before hours of scoring
    inputs = [file for pair in pairs for file in (pair.reference, pair.estimate)]
    for file, is_ours in ((target, is_own), (kept.file, is_kept)):
        if refusal := refuse_to_replace(file, arguments.overwrite, *inputs, is_own=is_ours):
            raise Refused(refusal)
    if not is_kept(kept.file):  # rows are added to what is kept
        kept.file.unlink(missing_ok=True)
    for folder in (arguments.reference, arguments.estimate):
        for note in passed_over(str(folder.absolute())):
            print(f"note: {note}", file=sys.stderr)

    try:
        backend = backend_of(evaluate, "evaluate")
        rows, failed = score(pairs, evaluate, backend, arguments, kept)
        if rows:
            write_shard(target, rows, {}, evaluate, [backend.name], comparison=comparison)
    except BaseException as error:
        print(f"what was scored is kept in {kept.file}; the same command goes on from there", file=sys.stderr)
        if not isinstance(error, WorkerKilled | TerminatedWorkerError):
            raise
        raise Refused(error, 1) from error
    for reason in (*alone, *failed):
        print(f"left out: {reason}", file=sys.stderr)
    if not (rows and failed):
        kept.file.unlink(missing_ok=True)
    if not rows:
        raise Refused("nothing could be scored")
    print(means(rows, evaluate))
    pictures = len({row["image"] for row in rows})
    print(f"{counted(len(rows), 'comparison')} of {counted(pictures, 'picture')} in {target}")
    if failed:
        print("mend what was left out; the same command then scores only that", file=sys.stderr)
    return int(bool(alone or failed))
