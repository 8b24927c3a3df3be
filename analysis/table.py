"""``python -m analysis.table STUDY_DIR --by run,epoch --metric psnr,ssim``: means as a table."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from srcnn.called import called
from srcnn.door import answer, sentence
from srcnn.words import printable

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("text", "csv", "markdown")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog=called("analysis.table"),
        description="Means over pictures as a table. Unless epochs are asked for, each run's last scored epoch counts; "
        "protocols, definitions, zooms and patch sizes are never averaged over.",
    )
    p.add_argument("study_dir", type=Path)
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
    p.add_argument("--format", choices=FORMATS, default="text")
    return p


@answer
def main(argv: list[str] | None = None) -> int:
    """0 if a table was printed, 1 if no row matches, 2 if it cannot be made."""
    arguments = parser().parse_args(argv)

    from analysis.query import default_metrics, means, parse_where, split
    from analysis.study import open_study
    from srcnn.metrics import forget_metrics

    forget_metrics()
    try:
        study = open_study(arguments.study_dir)
        metrics = split(arguments.metric) if arguments.metric else default_metrics(study)
        by = split(arguments.by)
        table, added = means(study, by, metrics, parse_where(arguments.where), arguments.spread)
    except (FileNotFoundError, ValueError) as error:
        print(f"error: {sentence(error)}", file=sys.stderr)
        return 2
    if not len(table):
        print("no scores match", file=sys.stderr)
        return 1
    print(formatted(table, metrics, arguments.format))
    left_out = int(table["infinite"].sum()), int(table["null"].sum())
    if added and arguments.format == "text":
        print(f"\nAlso by {', '.join(added)}: different things are not averaged.", file=sys.stderr)
    if any(left_out) and arguments.format == "text":
        print(f"{left_out[0]} infinite and {left_out[1]} null values could not enter a mean.", file=sys.stderr)
    return 0


def formatted(table: "pd.DataFrame", metrics: list[str], how: str) -> str:
    """The table as text for people (metrics rounded), CSV (all digits) or Markdown."""
    from analysis.spreadsheet import as_csv
    from analysis.style import metric_head, number

    if how == "csv":
        return as_csv(table).rstrip("\n")
    shown = table.copy()
    for name in metrics:
        for column in (name, f"sd_{name}"):
            if column in shown:
                shown[column] = [number(value, name) for value in table[column]]
    shown = shown.rename(columns={name: metric_head(name) for name in metrics})
    numeric = [*(metric_head(name) for name in metrics), *(f"sd_{name}" for name in metrics), "pictures", "comparisons"]
    filled = shown.astype(object).where(shown.notna(), "–")
    rows = [[printable(value) for value in row] for row in filled.to_numpy()]
    heads = [printable(name) for name in shown.columns]
    right = [head in numeric or head in ("epoch", "zoom", "infinite", "null") for head in heads]
    if how == "markdown":
        heads, *rows = [[cell.replace("|", "\\|") for cell in line] for line in (heads, *rows)]
        lines = [heads, ["---:" if is_number else "---" for is_number in right], *rows]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)
    widths = [max(len(line[i]) for line in [heads, *rows]) for i in range(len(heads))]
    return "\n".join(
        "  ".join(
            f"{cell:>{w}}" if is_number else f"{cell:<{w}}"
            for cell, w, is_number in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in [heads, *rows]
    )


if __name__ == "__main__":
    sys.exit(main())
