"""A copy of the code that was submitted, so that this code runs, and a record of what it was."""

import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runner.record.submission_files import CODE, PROVENANCE
from runner.study.model import own_names
from srcnn.experiment import Experiment
from srcnn.files import write_json

PACKAGES = ("srcnn", "jobs", "runner", "analysis")
DISTRIBUTION = "srcnn-runner"
LARGE_BYTES = 1_000_000  # of a file in a user's package that is data rather than code


def take_snapshot(experiments: Iterable[Experiment], folder: Path) -> list[Path]:
    """Copy our packages, and the user's own models, losses and metrics that experiments name, below ``folder/code``.

    Returns the folders that a task must import from, in this order: the copy, then where the
    user's own code lies, for what it imports besides. What is installed (site-packages) stays there.
    """
    code = folder / CODE
    home = _home()
    for name in PACKAGES:
        shutil.copytree(home / name, code / name, ignore=_no_code)
    homes = own_homes(experiments)
    for module, origin in homes.items():
        _copy_own(module, origin, code)
    return [code, *dict.fromkeys(homes.values())]


def write_provenance(folder: Path, command: Iterable[str]) -> None:
    """Write ``provenance.json``: what was submitted, from where, with which versions."""
    where = {"study": str(folder.parents[1].resolve()), "inode": folder.stat().st_ino}
    write_json(folder / PROVENANCE, provenance(command) | where)


def provenance(command: Iterable[str]) -> dict[str, Any]:
    """Return the commit, uncommitted changes, versions of packages, host and interpreter."""
    commit = _git("rev-parse", "HEAD")
    changed = _git("status", "--porcelain")
    return {
        "submitted": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": list(command),
        "commit": commit,
        "changed_files": changed.splitlines() if commit and changed else [],
        "host": socket.gethostname(),
        "user": os.environ.get("USER") or str(os.getuid()),
        "folder": str(Path.cwd()),
        "interpreter": sys.executable,
        "python": platform.python_version(),
        "system": platform.platform(),
        "packages": _versions(),
    }


def own_modules(experiments: Iterable[Experiment]) -> list[str]:
    """Return the modules of the user's own models, losses and metrics that experiments name."""
    return list(dict.fromkeys(name.partition(":")[0] for name in own_names(experiments)))


def own_homes(experiments: Iterable[Experiment]) -> dict[str, Path]:
    """Return the folders that the user's own modules are imported from, by module, without what is installed."""
    homes = {}
    for module in own_modules(experiments):
        origin = _origin(module)
        ours = module.partition(".")[0] in PACKAGES
        if origin and not ours and not {"site-packages", "dist-packages"} & set(origin.parts):
            homes[module] = origin
    return homes


def _home() -> Path:
    """Return the folder that holds our packages."""
    return Path(__file__).resolve().parents[2]


def _origin(module: str) -> Path | None:
    """Return the folder from which a module's top level is imported."""
    spec = importlib.util.find_spec(module.partition(".")[0])
    places = list(spec.submodule_search_locations or ()) if spec else []
    file = places[0] if places else spec.origin if spec else None
    return Path(file).resolve().parent if file else None


def _copy_own(module: str, origin: Path, code: Path) -> None:
    top = module.partition(".")[0]
    if (origin / top).is_dir():
        shutil.copytree(origin / top, code / top, ignore=_no_code, dirs_exist_ok=True, copy_function=_copy_or_link)
        return
    beside = [file.name for file in origin.glob("*.py")]
    for name in set(beside) - _no_code(str(origin), beside):  # a module of one file may import those beside it
        shutil.copy2(origin / name, code / name)


def _no_code(folder: str, names: list[str]) -> set[str]:
    """Return the names in a folder that nobody can import.

    These are hidden files such as an editor's locks, caches, links that lead nowhere or back up, pipes and sockets,
    and what we may not read.
    """
    here = Path(folder)
    return {name for name in names if name == "__pycache__" or name.startswith(".") or not _is_code(here / name)}


def _is_code(path: Path) -> bool:
    if not os.access(path, os.R_OK):
        return False
    if path.is_symlink() and path.is_dir():
        return not path.parent.resolve().is_relative_to(path.resolve())
    return path.is_dir() or path.is_file()


def _copy_or_link(source: str, target: str) -> str:
    if Path(source).stat().st_size <= LARGE_BYTES:
        return shutil.copy2(source, target)
    os.symlink(source, target)
    return target


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(_home()), *arguments],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.rstrip()


def _versions() -> dict[str, str]:
    try:
        wanted = importlib.metadata.requires(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        wanted = []
    versions = {}
    for requirement in wanted:
        match = re.match(r"[A-Za-z0-9._-]+", requirement)
        if match and "extra ==" not in requirement:
            try:
                versions[match[0]] = importlib.metadata.version(match[0])
            except importlib.metadata.PackageNotFoundError:
                continue
    return versions
