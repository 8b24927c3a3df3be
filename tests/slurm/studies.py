"""Small studies on the test cluster: sent by the command that people use, watched by the one they use, compared."""

import contextlib
import hashlib
import importlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import stub_stages
from conftest import REPOSITORY, tiny_study

from .cluster import Cluster

LITTLE = {"cpus": 1, "mem_gb": 0.9, "timeout_min": 10, "train": {"gpus": 0}}


def stub_study(folder: Path, epochs: int = 5, **changes: Any) -> Path:
    """A study of the stages of stub_stages.py, which need no torch: one training, rendering, scoring and report."""
    cluster = {**LITTLE, **changes.pop("cluster", {})}
    training = {"epochs": epochs, "batch_size": 8, "monitor_pictures": 0}
    settings = {"training": training, "render": {"epochs": [epochs]}, "cluster": cluster, "data__test": {}}
    return tiny_study(folder, **settings | changes)


def hold(file: Path, after: int = 1, label: str = "") -> Path:
    """The study's file, whose trainings, or one of them, will halt after so many epochs until they are let go."""
    (file.parent / f"held {label}".strip()).write_text(str(after))
    return file


def let_go(file: Path, label: str = "") -> None:
    """Its trainings go on, or one of them."""
    (file.parent / f"held {label}".strip()).unlink()


def done_with(slurm: Cluster, name: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """What ``python -m runner.NAME`` does and says on the cluster; it is called in this process, which knows torch."""
    out, err = io.StringIO(), io.StringIO()
    words = [str(each) for each in arguments]
    with (
        mock.patch.dict(os.environ, slurm.env | environment),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            status = importlib.import_module(f"runner.{name}").main(words)
        except SystemExit as error:  # of argparse
            status = error.code
    return subprocess.CompletedProcess(words, status, out.getvalue(), err.getvalue())


def in_background(file: Path, environment: dict[str, str], code: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """A process that submits a study by the code of a folder; what it says is in ``submit.log`` beside the file."""
    command = [sys.executable, "-m", "runner.submit", str(file), "--root", str(file.parent / "results"), *arguments]
    environment = {**environment, "PYTHONPATH": f"{code}:{file.parent}"}
    with (file.parent / "submit.log").open("wb") as log:
        return subprocess.Popen(command, env=environment, cwd=file.parent, stdout=log, stderr=log)


def undisturbed(file: Path) -> subprocess.Popen[bytes]:
    """A process that does a study on one core of this machine, where nothing happens to it."""
    return in_background(file, {**os.environ, "RUNNER_CPUS": "1"}, REPOSITORY, "--executor", "debug")


class Submitted:
    """A study on the cluster, of stub stages unless it shall be ``real``."""

    def __init__(self, slurm: Cluster, file: Path, *arguments: str, real: bool = False) -> None:
        self._know(slurm, file, real)
        self.out = self.submit(str(file), "--root", str(file.parent / "results"), *arguments)

    def _know(self, slurm: Cluster, file: Path, real: bool) -> None:
        self.slurm, self.file, self.real = slurm, file, real
        self.folder = file.parent / "results" / file.stem

    @classmethod
    def of(cls, slurm: Cluster, file: Path, real: bool = False) -> "Submitted":
        """A study that was submitted already."""
        study = cls.__new__(cls)
        study._know(slurm, file, real)
        return study

    def submit(self, *arguments: str) -> str:
        """``runner.submit``; what it printed. Raises RuntimeError where it refuses."""
        done = self.command("submit", *arguments, "--executor", "slurm")
        if done.returncode:
            raise RuntimeError(f"submit returned {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def command(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """``python -m runner.NAME``; tasks find the stub stages, and what lies beside the study's file."""
        paths = os.pathsep.join([str(REPOSITORY / "tests"), str(self.file.parent)])
        with contextlib.nullcontext() if self.real else stub_stages.installed():
            return done_with(self.slurm, name, *arguments, PYTHONPATH=paths)

    @property
    def environment(self) -> dict[str, str]:
        """What a process that submits it has, and its tasks inherit."""
        return {**self.slurm.env, "PYTHONPATH": os.pathsep.join([str(REPOSITORY / "tests"), str(self.file.parent)])}

    def status(self) -> dict[str, Any]:
        """``runner.status --json``."""
        return json.loads(self.command("status", str(self.folder), "--json").stdout)

    def tasks(self, stage: str) -> list[dict[str, Any]]:
        """The tasks of a stage, as ``status`` sees them."""
        return [task for task in self.status()["tasks"] if task["stage"] == stage]

    def attempts(self, stage: str = "train") -> list[dict[str, Any]]:
        """The records of attempts at a stage, in order."""
        files = [*self.folder.glob(f"runs/*/attempts/{stage}-*.json"), *self.folder.glob(f"attempts/{stage}-*.json")]
        records = [json.loads(file.read_bytes()) for file in files if file.stat().st_size]
        return sorted(records, key=lambda record: (record["task"], record["number"]))

    def wait_for_epoch(self, epoch: int, attempt: int = 1, label: str = "", timeout: float = 300) -> dict[str, Any]:
        """The record of a run's training once this attempt at it is under way and so many epochs are kept."""

        def passed() -> dict[str, Any] | None:
            found = [a for a in self.attempts() if a["number"] == attempt and self._kept(a["task"]) >= epoch]
            return next((a for a in found if not label or self.label(a["task"]) == label), None)

        return self.slurm.wait_for(passed, f"epoch {epoch} of attempt {attempt} {label}", timeout)

    def _kept(self, run: str) -> int:
        """Epochs on record, of a stub or of a real training."""
        files = [self.folder / "runs" / run / name for name in ("epochs.txt", "history.jsonl")]
        return max(len(file.read_text().splitlines()) if file.exists() else 0 for file in files)

    def label(self, run: str) -> str:
        """What a run is called."""
        runs = json.loads((self.folder / "contents.json").read_bytes())["runs"]
        return next(each["label"] for each in runs if each["run_id"] == run)

    def queued(self) -> list[str]:
        """The stages of its jobs that wait or run."""
        lines = self.slurm.run("squeue", "--noheader", "--array", "--format=%j", check=True).stdout.split()
        return [name.removeprefix(f"{self.file.stem}-") for name in lines if name.startswith(f"{self.file.stem}-")]

    def wait_until_ended(self, timeout: float = 600) -> dict[str, Any]:
        """The status once nothing is under way any more."""
        self.slurm.wait_for(lambda: not self.queued(), "the end of the study's jobs", timeout, every=0.3)

        def status() -> dict[str, Any] | None:  # accounting may be behind
            found = self.status()
            states, causes = ({task[what] for task in found["tasks"]} for what in ("state", "cause"))
            return None if states & {"running", "waiting"} or "unknown" in causes else found

        return self.slurm.wait_for(status, "the end of the study", timeout, every=0.3)

    def wait_until_done(self, timeout: float = 600) -> None:
        """Returns once nothing is under way; fails unless all is done."""
        left = [task for task in self.wait_until_ended(timeout)["tasks"] if task["state"] != "done"]
        assert not left, left


def results(folder: Path) -> dict[str, Any]:
    """Everything that a study found: every score, weight, picture and record of history; timings aside."""
    import pyarrow.parquet as pq
    import torch

    from srcnn.history import TIMINGS

    found: dict[str, Any] = {}
    for file in sorted(folder.glob("scores/*/*.parquet")):
        found[str(file.relative_to(folder))] = pq.read_table(file).to_pylist()
    for file in sorted(folder.glob("runs/*/checkpoints/*.pt")):
        if not file.name.startswith("previous"):
            model = torch.load(file, weights_only=True)["model"]
            found[str(file.relative_to(folder))] = {name: tensor.tolist() for name, tensor in model.items()}
    for file in sorted([*folder.glob("runs/*/*_SRCNN_Output/**/*.png"), *folder.glob("baselines/**/*.png")]):
        found[str(file.relative_to(folder))] = hashlib.sha256(file.read_bytes()).hexdigest()
    for file in sorted(folder.glob("runs/*/history.jsonl")):
        records = [json.loads(line) for line in file.read_text().splitlines()]
        found[str(file.relative_to(folder))] = [{k: v for k, v in r.items() if k not in TIMINGS} for r in records]
    return found
