"""``python -m analysis.report STUDY_DIR``: the study as one page that opens offline.

Folders beside it hold its tables as CSV and its figures as PNG and PDF. The study may be half
finished: the page says what is missing, and is made anew in place.
"""

import argparse
import sys
from pathlib import Path

from srcnn.bounds import within
from srcnn.called import called
from srcnn.door import Refused, command


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    p = argparse.ArgumentParser(
        prog=called("analysis.report"),
        description="Write a study's report: one page that opens offline, with its tables as CSV and its figures as "
        "PNG and PDF beside it. The study may be half finished.",
    )
    p.add_argument("study_dir", type=Path, help="the study's folder")
    p.add_argument(
        "--pictures-mb",
        type=within(float, 0, 500),
        default=15,
        metavar="MB",
        help="what the page holds of pictures at most (default: 15); it reads the others from the study's folder",
    )
    return p


@command
def main(argv: list[str] | None = None) -> int:
    """Return 0 if the page was written, 2 if the folder holds no study."""
    arguments = parser().parse_args(argv)

    from analysis.build import write_report
    from srcnn.metrics import MetricsDiffer

    try:
        print(write_report(arguments.study_dir, pictures_mb=arguments.pictures_mb))
    except (FileNotFoundError, MetricsDiffer) as error:
        raise Refused(error) from error
    return 0


if __name__ == "__main__":
    sys.exit(main())
