"""``python -m analysis.table STUDY_DIR --by run,epoch --metric psnr,ssim``: means as a table."""

import argparse
import sys
from pathlib import Path

from srcnn.called import called
from srcnn.door import Refused, answer

FORMATS = ("text", "csv", "markdown")


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    p = argparse.ArgumentParser(
        prog=called("analysis.table"),
        description="Means over pictures as a table. Unless epochs are asked for, each run's last scored epoch counts; "
        "protocols, definitions, zooms and patch sizes are never averaged over.",
    )
    p.add_argument("study_dir", type=Path, help="the study's folder")
    p.add_argument(
        "--by",
        default="set,run,protocol",
        help="columns or settings, such as run,epoch,protocol,upsampler,training.loss",
    )
    p.add_argument("--metric", help="metrics, such as psnr,ssim (default: all that were scored)")
    p.add_argument(
        "--where", action="append", default=[], metavar="COLUMN=VALUE[,VALUE]", help="only these rows; may be repeated"
    )
    p.add_argument("--spread", action="store_true", help="add the standard deviation over pictures (sd_)")
    p.add_argument("--format", choices=FORMATS, default="text", help="of the table")
    return p


@answer
def main(argv: list[str] | None = None) -> int:
    """Return 0 if a table was printed, 1 if no row matches, 2 if it cannot be made."""
    arguments = parser().parse_args(argv)

    from analysis.query import default_metrics, means, parse_where, split
    from analysis.study import open_study
    from analysis.text_table import format_table
    from srcnn.metrics import forget_metrics

    forget_metrics()
    try:
        study = open_study(arguments.study_dir)
        metrics = split(arguments.metric) if arguments.metric else default_metrics(study)
        by = split(arguments.by)
        table, added = means(study, by, metrics, parse_where(arguments.where), arguments.spread)
    except (FileNotFoundError, ValueError) as error:
        raise Refused(error) from error
    if not len(table):
        print("no scores match", file=sys.stderr)
        return 1
    print(format_table(table, metrics, arguments.format))
    left_out = int(table["infinite"].sum()), int(table["null"].sum())
    if added and arguments.format == "text":
        print(f"\nAlso by {', '.join(added)}: different things are not averaged.", file=sys.stderr)
    if any(left_out) and arguments.format == "text":
        print(f"{left_out[0]} infinite and {left_out[1]} null values could not enter a mean.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
