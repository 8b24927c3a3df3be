"""The command that imports weights that others published: ``python -m srcnn.models.published FILE.mat``.

It writes a checkpoint for ``python -m jobs.restore``; with ``--score FOLDER`` it prints what the network reaches there.
"""

import argparse
import sys
from pathlib import Path

from srcnn.bounds import within
from srcnn.called import called
from srcnn.door import command
from srcnn.models.scale_option import MOST_SCALE, add_weights_scale


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    p = argparse.ArgumentParser(prog=called("srcnn.models.published"), description="Import published SRCNN weights.")
    p.add_argument("file", type=Path, metavar="FILE", help="the authors' MATLAB file, or anybody's state dict (.pt)")
    p.add_argument("--out", type=Path, help="checkpoint to write (default: the file's name, .pt, in this folder)")
    p.add_argument("--overwrite", action="store_true", help="replace --out, but never FILE or a picture of --score")
    p.add_argument(
        "--scale",
        type=within(int, 2, MOST_SCALE),
        metavar="K",
        help="what the network enlarges by (default: read off the file's name)",
    )
    p.add_argument("--score", type=Path, nargs="*", default=[], metavar="FOLDER", help="pictures to score it on")
    add_weights_scale(p)
    return p


@command
def main(argv: list[str] | None = None) -> int:
    """Import the file; return 0 if it was imported, 1 if a picture could not be scored with it, 2 if it was not."""
    arguments = parser().parse_args(argv)
    from srcnn.models.importing import import_weights

    return import_weights(arguments)


if __name__ == "__main__":
    sys.exit(main())
