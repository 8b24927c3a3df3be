"""A check of the user's own code before anything starts: another process imports it, and what it did there is said.

A module may end Python, wait for ever, print, or change the folder that its importer works in. So whoever checks a
study or the command line leaves the import to a child (``jobs.own_import``) and limits its time; only tasks, which
compute with the code, import it themselves.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from srcnn.experiment import DataConfig, LossConfig, ModelConfig
from srcnn.words import signal_name

LIMIT_VARIABLE = "SRCNN_OWN_CODE_S"
LIMIT_S = 120.0  # of all imports together; torch alone may take half a minute from a busy file server
MOST_S = 86_400


@dataclass(frozen=True)
class OwnCode:
    """A metric, a model or a loss of the user's own; of the latter two also the settings that they must fit.

    ``scale`` is the study's for a model, and for a loss the input scale of the network, whose ``border`` counts, too.
    """

    kind: str  # metric, model or loss
    name: str
    residual: bool = True
    patch_size: int = 0
    scale: int = 1
    settings: str = "{}"  # their own, as JSON
    border: int = 0


class OwnCodeError(ValueError):
    """The user's own code that cannot be used; ``kind`` is what it was named as: metric, model or loss."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Checked(NamedTuple):
    """What code of one's own did when it was imported and should be known, in words; the numbers that models state."""

    notes: list[str]
    stated: dict[OwnCode, dict[str, int]]


def check_own_code(subjects: Iterable[OwnCode]) -> Checked:
    """Import the user's own code elsewhere; return what its import did, and what models state of themselves.

    Raises OwnCodeError for code that cannot be imported, breaks the contract, or does not come back from its import.
    """
    wanted = list(dict.fromkeys(subjects))
    if not wanted:
        return Checked([], {})
    limit_s = _limit_s(wanted[0].kind)
    with tempfile.TemporaryDirectory(prefix="srcnn-own-") as folder:
        status = _run_child(Path(folder), wanted, limit_s)
        results = _results(Path(folder))
    for subject, result in zip(wanted, results, strict=False):
        if result["fault"]:
            raise OwnCodeError(subject.kind, result["fault"])
    if len(results) < len(wanted):
        subject = wanted[len(results)]
        raise OwnCodeError(subject.kind, f"{subject.kind} {subject.name!r} {_ending(status, limit_s)}")
    notes = list(dict.fromkeys(note for result in results for note in result["notes"]))
    stated = {model: result["stated"] for model, result in zip(wanted, results, strict=True) if result["stated"]}
    return Checked(notes, stated)


def _limit_s(kind: str) -> float:
    said = os.environ.get(LIMIT_VARIABLE) or LIMIT_S
    with contextlib.suppress(ValueError):
        if 0 < float(said) <= MOST_S:
            return float(said)
    raise OwnCodeError(kind, f"{LIMIT_VARIABLE}={said}: expected seconds, above 0 and up to {MOST_S:,}")


def _run_child(folder: Path, subjects: Sequence[OwnCode], limit_s: float) -> int | None:
    """Return the exit status of a process that checks the subjects; None if it had to be ended."""
    request = {"path": [place for place in sys.path if isinstance(place, str)], "subjects": list(map(asdict, subjects))}
    (folder / "request").write_text(json.dumps(request))
    flags = ["-B"] if sys.dont_write_bytecode else []
    # The child imports from where this process does, so that it finds the same module.
    code = (
        "import json, sys; request = json.load(open(sys.argv[1] + '/request')); sys.path[:] = request['path']; "
        "from jobs.own_import import import_subjects; import_subjects(sys.argv[1], request['subjects'])"
    )
    with (folder / "printed").open("wb") as printed:
        child = subprocess.Popen(
            [sys.executable, *flags, "-c", code, str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=printed,
            start_new_session=True,
        )
        try:
            return child.wait(limit_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)  # with what it started
            child.wait()


def _results(folder: Path) -> list[dict[str, Any]]:
    """Return the child's result for every subject that it came to the end of."""
    lines = (folder / "results").read_text().splitlines() if (folder / "results").exists() else []
    return [json.loads(line) for line in lines]


def _ending(status: int | None, limit_s: float) -> str:
    if status is None:
        return (
            f"does not come back from its import within {limit_s:g} s; mend it, or give it more time with "
            f"{LIMIT_VARIABLE}"
        )
    if status < 0:
        return f"ends Python when it is imported ({signal_name(-status)})"
    return f"ends Python when it is imported (status {status})"


def own_model(model: ModelConfig, data: DataConfig) -> OwnCode:
    """Return a model of one's own with what decides whether it fits a study."""
    settings = json.dumps(model.settings, sort_keys=True)
    return OwnCode("model", model.name, model.residual, data.patch_size, data.scale, settings)


def own_loss(loss: LossConfig, data: DataConfig, border: int, input_scale: int) -> OwnCode:
    """Return a loss of one's own with what decides whether it fits a study; the numbers are the network's."""
    settings = json.dumps(loss.settings, sort_keys=True)
    return OwnCode("loss", loss.name, patch_size=data.patch_size, scale=input_scale, border=border, settings=settings)


def own_metrics(names: Iterable[str]) -> list[OwnCode]:
    """Return the user's own metrics among some names."""
    return [OwnCode("metric", name) for name in names if ":" in name]
