"""``python -m runner.clean STUDY_DIR``: show and remove what a study no longer needs."""

import argparse
import sys
from pathlib import Path

from runner.record.removable import REMOVABLE
from srcnn.called import called
from srcnn.door import Refused, command
from srcnn.paths import StudyPaths


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    p = argparse.ArgumentParser(
        prog=called("runner.clean"),
        description="Remove from a finished study what it does not need. Shows how much that is, and asks. By default "
        "only what costs nothing goes: the next submit still finds everything done.",
        epilog=f"KIND is one of {', '.join(REMOVABLE)}. Reports, histories, records of attempts and scores of the "
        "study as it is are never removed; checkpoints only by name.",
    )
    p.add_argument("study", type=Path, help="the study's folder")
    p.add_argument("--what", type=_kinds, metavar="KIND[,KIND...]", help="remove exactly these kinds")
    p.add_argument("--list", action="store_true", help="print the path of each file and folder that goes")
    p.add_argument("--yes", "-y", action="store_true", help="do not ask first")
    return p


def _kinds(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in REMOVABLE]
    if unknown or not names:
        raise argparse.ArgumentTypeError(f"{' '.join(unknown) or text!r}: expected some of {', '.join(REMOVABLE)}")
    return names


@command
def main(argv: list[str] | None = None) -> int:
    """Return 0 if nothing is left to remove, 1 if something is, 2 if there is no study or it runs, 130 on Ctrl-C."""
    arguments = parser().parse_args(argv)

    from runner.actions.clean import clean
    from runner.executors.job_state import SchedulerError
    from runner.record.lock import StudyBusyError
    from runner.record.under_way import StudyUnderWayError

    try:
        return clean(StudyPaths(arguments.study.expanduser().resolve()), arguments.what, arguments.yes, arguments.list)
    except (FileNotFoundError, StudyBusyError, StudyUnderWayError, SchedulerError) as error:
        raise Refused(error) from error
    except KeyboardInterrupt:
        print("\nStopped. What was removed until now is gone.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
