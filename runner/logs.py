"""``python -m runner.logs STUDY_DIR [WHAT]``: show the logs of a study's tasks, the one that matters now first."""

import argparse
import sys
from pathlib import Path

from runner.record.tail import ALONE, AMONG
from srcnn.bounds import within
from srcnn.called import called
from srcnn.door import Refused, answer


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    p = argparse.ArgumentParser(
        prog=called("runner.logs"),
        description="The end of the logs of what runs now, else of what failed, else of what ended last.",
    )
    p.add_argument("study", type=Path, help="the study's folder")
    p.add_argument(
        "what",
        nargs="?",
        metavar="WHAT",
        help="a run (its id, the beginning of it, its label or a part of it such as seed=1), a stage, or a task RUN.0",
    )
    p.add_argument("--stage", help="only tasks of this stage")
    way = p.add_mutually_exclusive_group()
    way.add_argument("--failed", action="store_true", help="all that failed, one example of each cause")
    way.add_argument("--follow", "-f", action="store_true", help="go on until the tasks end; Ctrl-C leaves")
    way.add_argument(
        "--attempt", type=within(int, 1, 1_000_000), metavar="N", help="an earlier attempt, from 1 (default: the last)"
    )
    p.add_argument(
        "--lines",
        "-n",
        type=within(int, 0, 10**12),
        metavar="N",
        help=f"of each log, 0 for all (default: {ALONE}, of several {AMONG})",
    )
    return p


@answer
def main(argv: list[str] | None = None) -> int:
    """Return 0; 2 if there is no such study or task, 130 on Ctrl-C."""
    arguments = parser().parse_args(argv)

    from runner.actions.logs import show_logs
    from runner.record.matching import UnknownName

    try:
        show_logs(arguments)
    except (FileNotFoundError, UnknownName) as error:
        raise Refused(error) from error
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
