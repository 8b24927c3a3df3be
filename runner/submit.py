"""``python -m runner.submit``: run a study, or finish one that was begun."""

import argparse
import sys
from pathlib import Path

from runner.executors.listed import AUTO, names
from runner.study.minutes import to_minutes
from runner.study.options import plain
from srcnn.bounds import MOST_GB, MOST_WORKERS, within
from srcnn.called import called
from srcnn.door import command


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    p = argparse.ArgumentParser(
        prog=called("runner.submit"),
        description="Run a study: prepare patches, train, restore, score, report. Finishes what is missing, "
        "repeats nothing.",
    )
    p.add_argument(
        "study", nargs="?", default="quickstart", help="a packaged study, a YAML file, or a submitted study's folder"
    )
    p.add_argument("overrides", nargs="*", metavar="key=value", help="settings that win over the file's")
    p.add_argument(
        "--executor",
        choices=[AUTO, *names()],
        default=AUTO,
        metavar="NAME",
        help="where: slurm, local (this machine), debug (this process), one that an installed package adds, or auto "
        "(default), the first that is here",
    )
    p.add_argument(
        "--partition", type=_plain, help="SLURM partition of the stages that use GPUs; the study remembers it"
    )
    p.add_argument("--only", choices=("failed",), help="try only what failed again, and what needs it")
    p.add_argument(
        "--mem-gb",
        type=within(float, 0, MOST_GB, above=True),
        metavar="GB",
        help="memory of the stages that failed, or of all that are sent (SLURM); the study remembers it",
    )
    p.add_argument(
        "--timeout-min", type=_time, metavar="MIN", help="time limit, likewise; also as H:MM:SS or D-HH:MM:SS"
    )
    p.add_argument("--root", type=Path, help="folder of results (default: results, or where the study's folder lies)")
    p.add_argument("--data-root", type=Path, help="folder that holds bsds500/, set5/, set14/, t91/")
    p.add_argument(
        "--cores",
        type=within(int, 1, MOST_WORKERS),
        metavar="N",
        help="cores of this machine to use at once (local executor)",
    )
    p.add_argument(
        "--runs-per-gpu",
        type=within(int, 1, MOST_WORKERS),
        metavar="N",
        help="tasks that share one GPU of this machine (local executor); on SLURM cluster.train.pack says it",
    )
    p.add_argument(
        "--verify",
        action="store_true",
        help="read every picture again, also those whose size and time say that they are as they were",
    )
    p.add_argument("--dry-run", action="store_true", help="print the plan and submit nothing")
    return p


def _time(text: str) -> int:
    try:
        return to_minutes(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _plain(text: str) -> str:
    try:
        return plain(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


@command
def main(argv: list[str] | None = None) -> int:
    """Return 0 if all is done or submitted, 1 if something failed, 2 if the study cannot be run, 130 on Ctrl-C."""
    arguments = parser().parse_intermixed_args(argv)  # key=value may come after options
    if "=" in arguments.study and not Path(arguments.study).exists():  # only overrides were given
        arguments.overrides.insert(0, arguments.study)
        arguments.study = "quickstart"

    from runner.actions.submit import submit
    from srcnn.terminal import Terminal

    console = Terminal()
    try:
        return submit(arguments, console)
    except KeyboardInterrupt:
        console.print("\nStopped. What finished is kept; the same command goes on from there.")
        return 130


if __name__ == "__main__":
    sys.exit(main())
