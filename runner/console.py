"""``srcnn COMMAND ...``: every command under one name, with the parsers that ``python -m`` uses."""

import argparse
import importlib
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from srcnn.called import call_it
from srcnn.door import answer


class Listed(NamedTuple):
    """A command: what ``python -m`` calls it, the module that has its ``parser`` and ``main``, what it does."""

    called: str
    module: str
    purpose: str


COMMANDS = {
    "submit": Listed("runner.submit", "runner.submit", "run a study, or finish one that was begun"),
    "status": Listed("runner.status", "runner.status", "where a study stands, and why"),
    "logs": Listed("runner.logs", "runner.logs", "what tasks printed"),
    "cancel": Listed("runner.cancel", "runner.cancel", "stop what is queued or runs; what was done is kept"),
    "clean": Listed("runner.clean", "runner.clean", "remove what can be made again"),
    "doctor": Listed("runner.doctor", "runner.doctor", "what is missing here, and what to do about it"),
    "evaluate": Listed("jobs.evaluate", "jobs.compare_folders", "score two folders of pictures"),
    "restore": Listed("jobs.restore", "jobs.restore", "restore pictures with a trained network"),
    "fetch": Listed("jobs.fetch", "jobs.fetch", "download public sets of pictures"),
    "metrics": Listed("srcnn.metrics", "srcnn.metrics.__main__", "score two pictures"),
    "report": Listed("analysis.report", "analysis.report", "make a study's report"),
    "table": Listed("analysis.table", "analysis.table", "a table of means"),
    "plot": Listed("analysis.plot", "analysis.plot", "a figure"),
    "compare": Listed("analysis.compare", "analysis.compare", "two studies, or two settings of one, side by side"),
    "compact": Listed("analysis.compact", "analysis.compact", "merge many small files of scores"),
}
COMPLETION = "completion"
SHELLS = ("bash", "zsh", "tcsh")


def parser(own: Mapping[str, argparse.ArgumentParser] = MappingProxyType({})) -> argparse.ArgumentParser:
    """Return the parser of the command line, which passes words on; ``own`` parsers of commands read theirs."""
    p = argparse.ArgumentParser(prog="srcnn", description="Batch experiments in super-resolution.")
    commands = p.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, listed in COMMANDS.items():
        commands.add_parser(name, parents=[own[name]] if own else [], add_help=False, help=listed.purpose)
    completion = commands.add_parser(COMPLETION, help="print what completes these commands in a shell")
    completion.add_argument("shell", choices=SHELLS)
    return p


def main(argv: list[str] | None = None) -> int:
    """Run the command that is named, and return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    listed = COMMANDS.get(words[0]) if words else None
    if listed is None:
        return _complete(words)
    call_it(listed.called, f"srcnn {words[0]}")
    status: int = importlib.import_module(listed.module).main(words[1:])
    return status


@answer
def _complete(words: list[str]) -> int:
    """Print what completes the commands in a shell, or say which commands there are."""
    shell = parser().parse_args(words).shell

    from runner.completion import completion  # brings shtab, and the parsers of all commands

    print(completion(shell))
    return 0
