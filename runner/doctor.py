"""``python -m runner.doctor [STUDY]``: what a study will need of this machine or cluster, and what is wrong with it."""

import argparse
import sys
from pathlib import Path

from srcnn.called import called
from srcnn.door import Refused, answer


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    p = argparse.ArgumentParser(
        prog=called("runner.doctor"),
        description="Check what a study will need, on a login node or inside a job, and say what to do about what is "
        "wrong: scheduler, Python, GPU, disk, the study itself. Submits nothing.",
    )
    p.add_argument("study", nargs="?", help="a packaged study, a YAML file, or a submitted study's folder")
    p.add_argument("--partition", help="SLURM partition of the stages that use GPUs")
    p.add_argument("--root", type=Path, help="folder of results (default: results, or where the study's folder lies)")
    p.add_argument("--data-root", type=Path, help="folder that holds bsds500/, set5/, set14/, t91/")
    p.add_argument("--json", action="store_true", help="every finding, as JSON")
    return p


@answer
def main(argv: list[str] | None = None) -> int:
    """Return 0 if nothing is wrong, 1 if something is, 2 for bad usage, 130 on Ctrl-C."""
    arguments = parser().parse_args(argv)

    from runner.actions.doctor import circumstances, report, report_json

    try:
        asked = circumstances(arguments)
        return report_json(asked) if arguments.json else report(asked)
    except FileNotFoundError as error:
        raise Refused(error) from error
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
