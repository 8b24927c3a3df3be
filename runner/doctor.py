"""``python -m runner.doctor [STUDY]``: what a study will need of this machine or cluster, and what is wrong with it."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from srcnn.called import called
from srcnn.damage import DamagedFile
from srcnn.door import answer, is_of_the_surroundings, sentence
from srcnn.words import said, told

if TYPE_CHECKING:
    from runner.checks import Check
    from runner.checks.circumstances import Circumstances
    from runner.checks.finding import Finding

STYLES = {"ok": "green", "note": "yellow", "WRONG": "bold red"}


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
    try:
        asked = circumstances(arguments)
        return _report_json(asked) if arguments.json else _report(asked)
    except FileNotFoundError as error:
        print(f"error: {sentence(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def circumstances(arguments: argparse.Namespace) -> "Circumstances":
    """Return what the doctor is asked about. Raises FileNotFoundError for a study or folder that does not exist."""
    from runner.checks.circumstances import Circumstances
    from srcnn.paths import StudyPaths

    data_root = arguments.data_root.expanduser().resolve() if arguments.data_root else None
    if data_root and not data_root.is_dir():
        raise FileNotFoundError(f"--data-root {data_root}: no such folder")
    asked = Circumstances(Path("results").resolve(), partition=arguments.partition, data_root=data_root)
    folder = Path(arguments.study).expanduser() if arguments.study else None
    contents = StudyPaths(folder).contents if folder else None
    if folder and contents and contents.is_file():
        from srcnn.contents import read_contents  # brings numpy, which may be what is broken

        asked.root = folder.resolve().parent
        found = None
        try:
            found = read_contents(StudyPaths(folder))
        except DamagedFile as error:
            asked.damage = str(error)
        remembered = found.get("data_root") if found else None
        asked.data_root = data_root or (Path(remembered) if remembered else None)
    if arguments.root:
        asked.root = arguments.root.expanduser().resolve()
    if arguments.study:
        _read_study(asked, arguments.study)
    return asked


def _read_study(asked: "Circumstances", name: str) -> None:
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


def findings(asked: "Circumstances") -> "Iterator[tuple[str, Finding]]":
    """Give the findings of all checks, each with its group, as they are made."""
    from runner.checks import CHECKS
    from runner.checks.finding import Finding

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


def _broken(check: "Check", error: Exception, remedy: str) -> "Finding":
    from runner.checks.finding import Finding

    name = getattr(check, "__name__", str(check)).replace("_", " ")
    return Finding("WRONG", f"the check {name!r} broke: {told(error)}", remedy)


def _report(asked: "Circumstances") -> int:
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


def _report_json(asked: "Circumstances") -> int:
    found = [{"group": group, **asdict(finding)} for group, finding in findings(asked)]
    wrong = sum(finding["state"] == "WRONG" for finding in found)
    print(json.dumps({"wrong": wrong, "findings": found}, indent=1))
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
