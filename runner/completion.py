"""What completes ``srcnn COMMAND ...`` in a shell."""

import importlib
from pathlib import Path

import shtab

from runner.console import COMMANDS, parser
from srcnn.called import call_it


def completion(shell: str) -> str:
    """Return a script that completes all commands with what each takes; paths are completed where one is expected."""
    own = {}
    for name, listed in COMMANDS.items():
        call_it(listed.called, f"srcnn {name}")
        own[name] = importlib.import_module(listed.module).parser()
        for action in own[name]._actions:
            if action.type is Path or action.dest == "study":
                action.complete = shtab.FILE
    return str(shtab.complete(parser(own), shell=shell))
