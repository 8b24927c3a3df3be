"""``python -m analysis.plot STUDY_DIR --x epoch --y fsim --by upsampler --out FILE``: means as a figure."""

import argparse
import sys
from pathlib import Path

from srcnn.called import called
from srcnn.door import Refused, command
from srcnn.output import refuse_to_replace

SUFFIXES = (".svg", ".png", ".pdf")


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    p = argparse.ArgumentParser(
        prog=called("analysis.plot"),
        description="Draw metrics over any column, a line for each value of another. What is neither --x nor --by nor "
        "chosen by --where (sets, protocols, definitions) becomes panels.",
    )
    p.add_argument("study_dir", type=Path, help="the study's folder")
    p.add_argument(
        "--x", default="epoch", help="a column or setting, such as epoch, upsampler, image, training.learning_rate"
    )
    p.add_argument("--y", default="psnr", help="metrics, such as psnr,fsim")
    p.add_argument("--by", default="run", help="a line for each value of this column or setting")
    p.add_argument(
        "--where", action="append", default=[], metavar="COLUMN=VALUE[,VALUE]", help="only these rows; may be repeated"
    )
    p.add_argument("--out", type=Path, required=True, help=f"the file to write: {', '.join(SUFFIXES)}")
    p.add_argument("--overwrite", action="store_true", help="replace --out, but never a file of the study")
    return p


@command
def main(argv: list[str] | None = None) -> int:
    """Return 0 if the figure was written, 1 if no row matches, 2 if it cannot be made."""
    arguments = parser().parse_args(argv)
    if arguments.out.suffix not in SUFFIXES:
        raise Refused(f"--out {arguments.out}: its suffix is one of {', '.join(SUFFIXES)}")

    if refusal := refuse_to_replace(arguments.out, arguments.overwrite, arguments.study_dir):
        raise Refused(refusal)

    from analysis.drawn import draw
    from analysis.panels import save
    from analysis.query import parse_where, split
    from analysis.study import open_study
    from srcnn.metrics import forget_metrics

    forget_metrics()
    try:
        study = open_study(arguments.study_dir)
        panels = draw(study, arguments.x, split(arguments.y), arguments.by, parse_where(arguments.where))
    except (FileNotFoundError, ValueError) as error:
        raise Refused(error) from error
    if not panels:
        print("no scores match", file=sys.stderr)
        return 1
    save(panels, arguments.out)
    print(arguments.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
