"""Looking at what a study will need, and telling what is wrong.

What is imported here at the top needs no package, since a package may be what is broken.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from runner.checks import CHECKS, Check
from runner.checks.circumstances import Circumstances
from runner.checks.finding import Finding
from srcnn.damage import DamagedFile
from srcnn.door import is_of_the_surroundings, sentence
from srcnn.paths import StudyPaths
from srcnn.words import said, told

STYLES = {"ok": "green", "note": "yellow", "WRONG": "bold red"}


def circumstances(arguments: argparse.Namespace) -> Circumstances:
    """Return what the doctor is asked about. Raises FileNotFoundError for a study or folder that does not exist."""
    data_root = arguments.data_root.expanduser().resolve() if arguments.data_root else None
    if data_root and not data_root.is_dir():
        raise FileNotFoundError(f"--data-root {data_root}: no such folder")
    asked = Circumstances(Path("results").resolve(), partition=arguments.partition, data_root=data_root)
    folder = Path(arguments.study).expanduser() if arguments.study else None
    contents = StudyPaths(folder).contents if folder else None
    if folder and contents and contents.is_file():
        from srcnn.contents import read_contents  # brings numpy, which may be what is broken

        asked.root = folder.resolve().parent
        submitted = None
        try:
            submitted = read_contents(StudyPaths(folder))
        except DamagedFile as error:
            asked.damage = str(error)
        remembered = submitted.get("data_root") if submitted else None
        asked.data_root = data_root or (Path(remembered) if remembered else None)
    if arguments.root:
        asked.root = arguments.root.expanduser().resolve()
    if arguments.study:
        _read_study(asked, arguments.study)
    return asked


def _read_study(asked: Circumstances, name: str) -> None:
    try:
        from runner.study.config import ConfigError, load_study, packaged_studies
    except ImportError as error:  # which package, and the cure, is said under Python
        asked.error = f"{name} was not read: {said(error)}"
        return
    try:
        asked.study, _ = load_study(name)
    except ConfigError as error:
        if name not in packaged_studies() and not Path(name).expanduser().exists():
            raise FileNotFoundError(str(error)) from error
        asked.error = str(error)


def findings(asked: Circumstances) -> Iterator[tuple[str, Finding]]:
    """Give the findings of all checks, each with its group, as they are made."""
    named = set()  # what keeps one check from reading a file keeps others from it, too
    for group, checks in CHECKS.items():
        for check in checks:
            try:
                for finding in check(asked):
                    yield group, finding
            except ImportError as error:
                yield group, _broken(check, error, "cure the packages that are WRONG under Python")
            except Exception as error:  # noqa: BLE001 - a check that breaks must not hide what the others find
                if not is_of_the_surroundings(error):
                    yield group, _broken(check, error, "see what else is wrong, or report it")
                elif sentence(error) not in named:
                    named.add(sentence(error))
                    what, _, remedy = sentence(error).partition("; ")
                    yield group, Finding("WRONG", what, remedy or "see what else is wrong")


def _broken(check: Check, error: Exception, remedy: str) -> Finding:
    name = getattr(check, "__name__", str(check)).replace("_", " ")
    return Finding("WRONG", f"the check {name!r} broke: {told(error)}", remedy)


def report(asked: Circumstances) -> int:
    """Print the findings as they are made; return 0 if nothing is wrong, else 1."""
    show = _printer()
    shown, wrong = "", 0
    for group, finding in findings(asked):
        if group != shown:
            show(group, "bold", "")
            shown = group
        show(f"  {finding.state:<6}", STYLES[finding.state], finding.what.replace("\n", "\n        "))
        if finding.remedy:
            show("        -> ", "", finding.remedy)
        wrong += finding.state == "WRONG"
    show("", "", f"{wrong} thing{'s are' if wrong > 1 else ' is'} wrong." if wrong else "Nothing is wrong.")
    return int(wrong > 0)


def _printer() -> Callable[[str, str, str], None]:
    """Return a function that prints a styled beginning and the rest of a line; without style where rich is broken."""
    try:
        from rich.text import Text

        from srcnn.terminal import Terminal
    except ImportError:
        return lambda head, _, rest: print(head + rest, flush=True)
    console = Terminal(soft_wrap=True)
    return lambda head, style, rest: console.print(Text(head, style) + Text(rest))


def report_json(asked: Circumstances) -> int:
    """Print every finding as JSON; return 0 if nothing is wrong, else 1."""
    told = [{"group": group, **asdict(finding)} for group, finding in findings(asked)]
    wrong = sum(finding["state"] == "WRONG" for finding in told)
    print(json.dumps({"wrong": wrong, "findings": told}, indent=1))
    return int(wrong > 0)
