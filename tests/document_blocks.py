"""The documents, as their tests see them: blocks of code with their marks, command lines, links."""

import re
import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from conftest import REPOSITORY

from docs.tables import FURTHER
from runner.console import COMMANDS

DOCS = REPOSITORY / "docs"
PAGES = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
# Languages of blocks: what is checked, and what is no code but text to look at.
CHECKED, SHOWN = ("sh", "python", "yaml"), "text"
_MARK = re.compile(r"<!-- not run: (.+) -->")
_FENCE = re.compile(r"^ *```(\w+)$")
_TITLE = re.compile(r"# ([\w-]+\.(?:yaml|py))\n")  # a block's first line, if it is a file
_INLINE = re.compile(r"`((?:python -m |srcnn |make )[^`]+)`")
CALLED = {listed.called: listed.module for listed in {**COMMANDS, **FURTHER}.values()}


@dataclass(frozen=True)
class Block:
    """A block of code: where it stands, its language, the file that it is, why it is not run."""

    page: Path
    line: int
    language: str
    title: str
    text: str
    reason: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(REPOSITORY)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """The blocks of a page in their order."""
    found, lines, start = [], page.read_text().splitlines(), None
    for number, line in enumerate(lines, 1):
        fence = _FENCE.match(line)
        if start is None and line.lstrip().startswith("```"):
            assert fence, f"{page.name}:{number}: a block begins with ```LANGUAGE, not with {line}"
            start = number, fence[1]
        elif start is not None and line.strip() == "```":
            first, language = start
            mark = _MARK.fullmatch(lines[first - 2].strip()) if first > 1 else None
            text = "\n".join(lines[first : number - 1]) + "\n"
            title = _TITLE.match(text)
            found.append(Block(page, first, language, title[1] if title else "", text, mark[1] if mark else ""))
            start = None
    assert start is None, f"{page.name}: a block does not end"
    return found


def all_blocks() -> Iterator[Block]:
    """The blocks of all pages."""
    for page in PAGES:
        yield from blocks(page)


def command_lines(block: Block) -> list[list[str]]:
    """The lines of a block of the shell as words, without comments."""
    lines = block.text.replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def inline_commands(page: Path) -> list[list[str]]:
    """The commands in the text of a page as words."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    return [shlex.split(command.replace("\n", " ")) for command in _INLINE.findall(text)]


def as_module(words: list[str]) -> tuple[str, list[str]] | None:
    """The module that a command line of ours runs, and its arguments; None for a line of others."""
    if words[0] in ("python", ".venv/bin/python") and words[1] == "-m" and words[2] not in ("pip", "venv"):
        return CALLED.get(words[2], words[2]), words[3:]
    if words[0] == "srcnn" and words[1] in COMMANDS:
        return COMMANDS[words[1]].module, words[2:]
    return None


def summary() -> str:
    """How many blocks are run or checked, and how many not, for which reasons."""
    blocks = list(all_blocks())
    run = Counter(block.language for block in blocks if block.language in CHECKED and not block.reason)
    lines = sum(len(command_lines(block)) for block in blocks if block.language == "sh" and not block.reason)
    reasons = Counter(block.reason for block in blocks if block.reason)
    return "\n".join(
        [
            f"documents: {len(PAGES)} pages; checked: {lines} command lines in {run['sh']} blocks, "
            f"{run['python']} blocks of Python, {run['yaml']} of YAML",
            f"  not run: {reasons.total()} blocks",
            *(f"    {count}: {reason}" for reason, count in reasons.most_common()),
        ]
    )
