"""``python -m analysis.compact STUDY_DIR``: merge the many small score files of a study into few.

At every moment, also after a kill, every row that was there can be found: the merged file is
written and counted, then its index makes it count, and only then are the files that it replaces
deleted. Two compactions at once, or a study that is still running, do no harm.
"""

import argparse
import sys
from pathlib import Path

from srcnn.called import called
from srcnn.door import Refused, command
from srcnn.words import counted


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    p = argparse.ArgumentParser(
        prog=called("analysis.compact"),
        description="Merge the small score files of a study, one file a run. Rows are never lost, whenever it is "
        "stopped; the merged study counts as done and is read like any other.",
    )
    p.add_argument("study_dir", type=Path, help="the study's folder")
    return p


@command
def main(argv: list[str] | None = None) -> int:
    """Return 0 if all files are merged, 2 if the folder holds no scores."""
    arguments = parser().parse_args(argv)

    from analysis.compaction import compact_study

    try:
        done = compact_study(arguments.study_dir)
    except FileNotFoundError as error:
        raise Refused(error) from error
    for merged in done:
        files = f"{counted(merged.files_before, 'file')} -> {merged.files_after}"
        print(f"{merged.folder.name}: {merged.rows:,} rows, {files}")
    if not done:
        print("Nothing to merge.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
