"""What belongs to one executor stays in its module: nobody else asks for its name, or speaks the words of SLURM."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from conftest import REPOSITORY

from runner.executors.listed import FIRST, LAST

NAMES = {**FIRST, **LAST}
PACKAGES = ("srcnn", "jobs", "runner", "analysis")
WORDS = re.compile("slurm|sbatch|squeue|sacct|scontrol|scancel", re.IGNORECASE)
OWN_ROOMS = ("runner/executors/slurm/", "runner/checks/")
# Why a module speaks of SLURM all the same.
EXCEPTIONS = {
    "runner/executors/listed.py": "the entry itself",
    "runner/executors/submitit_ways.py": "names of submitit's own classes and functions",
    "runner/study/cluster.py": "the setting cluster.sbatch",
    "runner/study/config.py": "the setting cluster.sbatch",
    "runner/study/options.py": "what that setting may hold, which people read in the words of sbatch --help",
    "runner/study/minutes.py": "times that mean one thing to SLURM and another to people",
    "srcnn/pages.py": "the name of a page of the documents",
    "jobs/job.py": "commands that a user starts in a job of his own keep to the cores of that job",
}


@cache
def modules() -> list[tuple[str, ast.Module]]:
    files = [file for package in PACKAGES for file in sorted((REPOSITORY / package).rglob("*.py"))]
    return [(str(file.relative_to(REPOSITORY)), ast.parse(file.read_text())) for file in files]


def own_room(where: str) -> str:
    """The module, or the package, of an entry of the table."""
    module = where.partition(":")[0].replace(".", "/")
    return f"{Path(module).parent}/" if module.endswith("/executor") else f"{module}.py"


def compared(tree: ast.Module) -> Iterator[str]:
    """Every text that a module compares with, or finds something by."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
        elif isinstance(node, ast.MatchValue):
            parts = [node.value]
        else:
            continue
        for part in parts:
            each = part.elts if isinstance(part, ast.Tuple | ast.List | ast.Set) else [part]
            yield from (one.value for one in each if isinstance(one, ast.Constant) and isinstance(one.value, str))


@pytest.mark.parametrize("name", NAMES)
def test_nobody_compares_with_the_name_of_an_executor(name):
    guilty = [path for path, tree in modules() if name in compared(tree) and not path.startswith(own_room(NAMES[name]))]
    assert guilty == []


def spoken(tree: ast.Module) -> Iterator[str]:
    """The names and texts of a module, without docstrings and the help of options, which people read."""
    silent: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
            silent.add(id(node.body[0].value))  # type: ignore[attr-defined]
        if isinstance(node, ast.Call):
            silent |= {id(each) for word in node.keywords if word.arg == "help" for each in ast.walk(word.value)}
    for node in ast.walk(tree):
        if id(node) in silent:
            continue
        for field in ("id", "name", "attr", "arg", "module", "asname", "value"):
            if isinstance(text := getattr(node, field, None), str):
                yield text


def test_the_words_of_slurm_are_spoken_in_its_own_rooms_only():
    guilty = {
        path: words
        for path, tree in modules()
        if not path.startswith(OWN_ROOMS) and (words := [each for each in spoken(tree) if WORDS.search(each)])
    }
    assert guilty.keys() == EXCEPTIONS.keys(), guilty
