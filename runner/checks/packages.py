"""Python and the packages that the project requires, each imported where it can do no harm."""

import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence

from runner.checks.circumstances import Circumstances
from runner.checks.finding import Finding

DISTRIBUTION = "srcnn-runner"  # as setup.cfg names it
IMPORTS_S = 180.0  # of all packages; the first time, on a file server, takes its time
INSTALL = f"{sys.executable} -m pip install -c constraints.txt"
# Imports its arguments one by one, and says of each how it went before it goes on to the next.
_PROGRAM = """
import sys, importlib
for name in sys.argv[1:]:
    print("?", name, flush=True)
    try:
        importlib.import_module(name)
    except BaseException as error:
        print("!", name, type(error).__name__ + ":", " ".join(str(error).split()), flush=True)
"""


def python(asked: Circumstances) -> Iterator[Finding]:
    """Say which interpreter this is, and whether the project runs on it."""
    version = ".".join(map(str, sys.version_info[:3]))
    wanted = _metadata("Requires-Python")
    if wanted and not _allows(wanted, version):
        yield Finding(
            "WRONG",
            f"Python {version} ({sys.executable}); the project needs {wanted}",
            "make study PYTHON=/path/to/python3.11, or a virtual environment of that version",
        )
    else:
        yield Finding("ok", f"Python {version} ({sys.executable})")


def requirements(asked: Circumstances) -> Iterator[Finding]:
    """Say of every required package whether it is installed, in a version that will do, and can be imported."""
    try:
        wanted = required()
    except importlib.metadata.PackageNotFoundError:
        yield Finding(
            "WRONG", f"{DISTRIBUTION} is not installed here, so what it requires is unknown", f"{INSTALL} -e ."
        )
        return
    modules = import_names(list(wanted))
    faults = import_faults([module for module in modules.values() if module])
    for name, specifier in wanted.items():
        yield _package(name, specifier, faults.get(modules[name] or ""))


def _package(name: str, specifier: str, fault: str | None) -> Finding:
    version = version_of(name)
    if version is None:
        return Finding("WRONG", f"{name}{specifier} is not installed", f"{INSTALL} -e .")
    if fault:
        return Finding("WRONG", f"{name} {version} cannot be imported: {fault}", f"{INSTALL} --force-reinstall {name}")
    if specifier and not _allows(specifier, version):
        return Finding(
            "WRONG", f"{name} {version} is installed; {specifier} is needed", f"{INSTALL} '{name}{specifier}'"
        )
    return Finding("ok", f"{name} {version}")


def clash(asked: Circumstances) -> Iterator[Finding]:
    """Say whether pyarrow and numpy go together: pip does not see that pyarrow 26 refuses numpy 1.x."""
    arrow, numpy = version_of("pyarrow"), version_of("numpy")
    if arrow and numpy and _major(arrow) >= 26 and _major(numpy) < 2:
        yield Finding("WRONG", f"pyarrow {arrow} does not work with numpy {numpy}", f"{INSTALL} 'pyarrow<26'")


def _major(version: str) -> int:
    match = re.match(r"\d+", version)
    return int(match[0]) if match else 0


def version_of(name: str) -> str | None:
    """Return the installed version of a distribution; None if it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def required() -> dict[str, str]:
    """Return what the installed project requires, without extras: distribution -> versions that will do.

    Raises PackageNotFoundError if the project is not installed.
    """
    versions = {}
    for requirement in importlib.metadata.requires(DISTRIBUTION) or []:
        match = re.match(r"([A-Za-z0-9._-]+)\s*\(?([^;)]*)", requirement)
        if match and "extra ==" not in requirement:
            versions[match[1]] = match[2].strip()
    return versions


def import_names(distributions: Sequence[str]) -> dict[str, str | None]:
    """Return the module by which each distribution is known; None for one that is not installed."""
    modules: dict[str, list[str]] = {}
    for module, owners in importlib.metadata.packages_distributions().items():
        for owner in owners:
            modules.setdefault(_normal(owner), []).append(module)

    def chosen(name: str) -> str | None:
        candidates = sorted(module for module in set(modules.get(_normal(name), [])) if module[0] != "_")
        same = [module for module in candidates if _normal(module) == _normal(name)]
        return next(iter(same or candidates), None)

    return {name: chosen(name) for name in distributions}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def import_faults(
    modules: Sequence[str], timeout_s: float = IMPORTS_S, command: Sequence[str] = (sys.executable,)
) -> dict[str, str]:
    """Return why modules cannot be imported, by name; they are tried in a process of their own, which may crash.

    ``command`` starts Python.
    """
    faults: dict[str, str] = {}
    left = list(modules)
    while left:
        text, end = _imports(left, timeout_s, command)
        lines = [line.split(" ", 2) for line in text.splitlines() if line.startswith(("? ", "! "))]
        faults.update({line[1]: line[2] for line in lines if line[0] == "!"})
        tried = [line[1] for line in lines if line[0] == "?"]
        if not end:
            break
        if not tried:
            return faults | dict.fromkeys(left, end)
        faults.setdefault(tried[-1], end)
        left = left[left.index(tried[-1]) + 1 :]
    return faults


def _imports(modules: Sequence[str], timeout_s: float, python: Sequence[str]) -> tuple[str, str]:
    """Return what the importing process said, and how it came to a bad end; empty if it did not."""
    command = [*python, "-W", "ignore", "-c", _PROGRAM, *modules]
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        said = error.stdout or b""
        return said.decode() if isinstance(said, bytes) else said, f"the import did not end within {timeout_s:.0f} s"
    if done.returncode < 0:
        return done.stdout, f"the import ended Python by signal {-done.returncode}"
    return done.stdout, f"the import ended Python with status {done.returncode}" if done.returncode else ""


def _metadata(key: str) -> str | None:
    try:
        value = importlib.metadata.metadata(DISTRIBUTION)[key]
    except (importlib.metadata.PackageNotFoundError, KeyError):
        return None
    return str(value) if value else None


def _allows(specifier: str, version: str) -> bool:
    """Say whether a version is one of a specifier such as ``>=15,<26``; true where nobody can tell."""
    try:
        from packaging.specifiers import InvalidSpecifier, SpecifierSet
    except ImportError:  # it comes with matplotlib, which may be what is missing
        return True
    try:
        return SpecifierSet(specifier).contains(version, prereleases=True)
    except InvalidSpecifier:
        return True
