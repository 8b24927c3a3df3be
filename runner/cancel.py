"""``python -m runner.cancel STUDY_DIR``: stop a study, or a part of it, wherever it runs."""

import argparse
import sys
from pathlib import Path

from srcnn.called import called
from srcnn.door import Refused, command
from srcnn.paths import StudyPaths


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    p = argparse.ArgumentParser(
        prog=called("runner.cancel"),
        description="Stop a study, one of its stages or one of its runs, with what needs it. What was done is kept.",
    )
    p.add_argument("study", type=Path, help="the study's folder")
    p.add_argument("--stage", help="only this stage's tasks, and those that need them (where a scheduler runs it)")
    p.add_argument("--run", help="only this run: its id, the beginning of it, or its label (where a scheduler runs it)")
    p.add_argument("--yes", "-y", action="store_true", help="do not ask first")
    return p


@command
def main(argv: list[str] | None = None) -> int:
    """Return 0 if nothing is left to stop, 1 if something is, 2 for bad usage, 130 on Ctrl-C."""
    arguments = parser().parse_args(argv)

    from runner.actions.cancel import CannotCancel, Part, WrongUse, cancel
    from runner.executors.job_state import SchedulerError
    from runner.record.lock import StudyBusyError
    from runner.record.matching import UnknownName

    try:
        paths = StudyPaths(arguments.study.expanduser().resolve())
        return cancel(paths, Part(arguments.stage, arguments.run), arguments.yes)
    except (FileNotFoundError, UnknownName, WrongUse) as error:
        raise Refused(error) from error
    except (CannotCancel, SchedulerError, StudyBusyError) as error:
        raise Refused(error, 1) from error
    except KeyboardInterrupt:
        print("\nLeft. What was cancelled until now stays cancelled.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
