"""The user's own code by its content, so that results made by other code are not taken for its results.

A model, loss or metric of the user's own is named ``package.module:attribute``. That module, and whatever of
the user's it imports, decide what it computes, so all of these files are in the digest. They are read
for it, not run.
"""

import ast
import hashlib
import importlib
import importlib.metadata
import importlib.util
import os
import sys
import sysconfig
import threading
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

import numpy as np

from srcnn.words import text_of, told

OURS = "srcnn"  # what comes from here carries versions
INSTALLED = {"site-packages", "dist-packages"}
_STANDARD = Path(sysconfig.get_path("stdlib")).resolve()


def own_attribute(name: str) -> Any:
    """Return what ``package.module:attribute`` names; the module is imported, which runs it.

    Raises ValueError with the reason, whatever the module raises: SystemExit would end the command, as if all were
    well.
    """
    module, _, attribute = name.partition(":")
    try:
        imported = importlib.import_module(module)
    except ImportError as error:
        raise ValueError(f"cannot import {module!r}: {text_of(error)}") from error
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
            raise  # the user's Ctrl-C
        raise ValueError(f"{module!r} raised {told(error)} when it was imported") from error
    try:
        return getattr(imported, attribute)
    except AttributeError as error:
        raise ValueError(f"module {module!r} has no {attribute!r}") from error


@contextmanager
def undisturbed() -> Iterator[None]:
    """Undo, after this block, what the user's own function in it changed of the process.

    Paths of results are relative to the working folder, and other metrics and pictures, which come next, must not
    depend on how it sets numpy and warnings, where text goes, or how deep calls may go.
    """
    with suppress(OSError):  # the folder may be gone already
        place = os.getcwd()
    filters, depth, streams = list(warnings.filters), sys.getrecursionlimit(), (sys.stdout, sys.stderr)
    try:
        with np.errstate():
            yield
    finally:
        sys.setrecursionlimit(depth)
        sys.stdout, sys.stderr = streams
        if warnings.filters != filters:
            warnings.resetwarnings()  # tells the parts of it in C, too
            warnings.filters[:] = filters  # type: ignore[index]
        with suppress(OSError, NameError):
            os.chdir(place)


def code_digest(name: str) -> str:
    """Return the SHA-256 of the code behind ``package.module:attribute``: its file and the user's own that it imports.

    Of an installed package the named file and the package's version count. A module that is found only
    while the code runs (``importlib``, a changed ``sys.path``) and files of data are not seen. Raises
    ValueError if there is no such module.
    """
    module = name.partition(":")[0]
    files = dict(_reached(module))
    if module not in files:
        spec = _find(module)
        fault = (
            "is a part of Python itself, and has no file" if spec and not spec.has_location else "cannot be found here"
        )
        raise ValueError(f"module {module!r} {fault}; name a module of your own")
    contents = {reached: hashlib.sha256(file.read_bytes()).hexdigest() for reached, file in files.items()}
    versions = _versions(module) if _is_installed(files[module]) else []
    if len(contents) == 1 and not versions:
        return contents[module]
    return hashlib.sha256(repr((sorted(contents.items()), versions)).encode()).hexdigest()


def _reached(module: str) -> Iterator[tuple[str, Path]]:
    """Give names and files of the module and of the user's own that it imports, directly or through others."""
    waiting, seen = [module], set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        spec = _find(name)
        file = Path(spec.origin).resolve() if spec and spec.has_location and spec.origin else None
        if file is None or not file.is_file() or (name != module and not _is_own(name, file)):
            continue
        yield name, file
        waiting += _parents(name)  # Python runs their __init__ first
        if file.suffix == ".py" and not _is_installed(file):
            package = name if file.name == "__init__.py" else name.rpartition(".")[0]
            waiting += _imports(file, package)


def _find(name: str) -> ModuleSpec | None:
    """Return where a module lies, without importing anything; None if it is nowhere."""
    top, *rest = name.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):  # ValueError: a module made by hand, without a place
        return None
    for part in rest:  # find_spec would import the parents of a dotted name
        if spec is None or spec.submodule_search_locations is None:
            return None
        spec = PathFinder.find_spec(part, list(spec.submodule_search_locations))
    return spec


def _is_own(name: str, file: Path) -> bool:
    return name.partition(".")[0] != OURS and not _is_installed(file) and not file.is_relative_to(_STANDARD)


def _is_installed(file: Path) -> bool:
    return bool(INSTALLED & set(file.parts))


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]


def _imports(file: Path, package: str) -> Iterable[str]:
    """Give the names that a file imports, wherever in it; some may be attributes and no modules."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):  # whoever imports it will say so
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (base, *(f"{base}.{alias.name}" for alias in node.names))


def _versions(module: str) -> list[str]:
    """Return the installed packages that a module comes from, with their versions."""
    names = importlib.metadata.packages_distributions().get(module.partition(".")[0], [])
    return [f"{name}=={importlib.metadata.version(name)}" for name in sorted(set(names))]
