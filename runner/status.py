"""``python -m runner.status STUDY_DIR``: where a study stands, what failed and why, what to do."""

import argparse
import sys
from pathlib import Path

from srcnn.called import called
from srcnn.door import Refused, answer
from srcnn.paths import StudyPaths

WATCH_S = 5.0  # between two looks: each asks the scheduler once


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    p = argparse.ArgumentParser(
        prog=called("runner.status"),
        description="Where a study stands: done, running, waiting (for what), held, failed (why), and the command that "
        "helps. Exit status: 0 all done, 1 something failed, 3 under way or not submitted, 4 a job is held and waits "
        "for ever unless it is released.",
    )
    p.add_argument("study", type=Path, help="the study's folder")
    p.add_argument("--json", action="store_true", help="every task, as JSON")
    p.add_argument("--watch", action="store_true", help=f"look again every {WATCH_S:.0f} s until nothing runs or waits")
    return p


@answer
def main(argv: list[str] | None = None) -> int:
    """Return 0 if all is done, 1 if something failed, 2 if there is no study, 3 if it is under way, 4 if a job is held.

    130 on Ctrl-C.
    """
    arguments = parser().parse_args(argv)

    from runner.actions.status import exit_status, show_status

    try:
        paths = StudyPaths(arguments.study.expanduser().resolve())
        status = show_status(paths, arguments.json, WATCH_S if arguments.watch else None)
    except FileNotFoundError as error:
        raise Refused(error) from error
    except KeyboardInterrupt:
        return 130
    return exit_status(status)


if __name__ == "__main__":
    sys.exit(main())
