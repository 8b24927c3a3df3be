"""Whether the command that starts Python for jobs (``cluster.python``) starts, and has our code and its packages."""

import importlib.metadata
import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from runner.checks.circumstances import Circumstances
from runner.checks.finding import Finding
from runner.checks.packages import IMPORTS_S, import_faults, import_names, required
from runner.executors.variables import import_environment
from runner.study.stages import STAGES

HOME = Path(__file__).resolve().parents[2]  # the folder of our packages
_PROGRAM = """
import json, platform
try:
    import srcnn
    home, error = list(srcnn.__path__)[0], None
except Exception as fault:
    home, error = None, f"{type(fault).__name__}: {fault}"
print("\\n" + json.dumps([platform.python_version(), home, error]))
"""
_NODES = "where only the nodes of the cluster have it, run this in a job: srun python -m runner.doctor STUDY"


def starts(asked: Circumstances) -> Iterator[Finding]:
    """Say of each command that stages name for Python whether it starts our code."""
    by_command: dict[tuple[str, ...], list[str]] = {}
    for stage in STAGES:
        if command := asked.cluster.stage(stage).python:
            by_command.setdefault(command, []).append(stage)
    for command, stages in by_command.items():
        whose = f"cluster.python of {', '.join(stages)} ({shlex.join(command)})"
        if shutil.which(command[0]) is None:
            # The lines of cluster.setup, which are for nodes only, may be what brings it.
            brought = any(asked.cluster.stage(stage).setup for stage in stages)
            yield Finding("note" if brought else "WRONG", f"{whose}: there is no program {command[0]} here", _NODES)
        else:
            yield from _started(command, whose)


def _started(command: Sequence[str], whose: str) -> Iterator[Finding]:
    environment = {**os.environ, **import_environment([HOME])}
    try:
        done = subprocess.run(
            [*command, "-W", "ignore", "-c", _PROGRAM],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=IMPORTS_S,
            check=False,
            env=environment,
        )
        version, home, error = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError) as trouble:
        yield Finding("WRONG", f"{whose} does not start: {trouble}", _NODES)
        return
    except (ValueError, IndexError):
        said = (done.stderr or done.stdout).strip().splitlines()
        words = said[-1] if said else "it said nothing"
        yield Finding("WRONG", f"{whose} starts no Python (status {done.returncode}): {words}", _NODES)
        return
    if error or not os.path.exists(home) or not HOME.samefile(Path(home).parent):
        yield Finding(
            "WRONG",
            f"{whose} starts Python {version}, which does not import our code from {HOME}: {error or f'from {home}'}",
            "let the command pass the environment (PYTHONPATH) and mount that folder and the folder of results, both "
            "under the same paths as here",
        )
        return
    try:
        modules = [module for module in import_names(list(required())).values() if module]
    except importlib.metadata.PackageNotFoundError:  # said by the check of packages
        modules = []
    faults = import_faults(modules, command=command)
    for module, fault in faults.items():
        yield Finding("WRONG", f"{whose} cannot import {module}: {fault}", "install what setup.cfg requires there too")
    if not faults:
        yield Finding("ok", f"{whose}: Python {version}, our code and all packages")
