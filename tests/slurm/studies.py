"""Small studies on the test cluster: sent by the command that people use, watched by the one they use, compared."""

import hashlib
import json
import os
import signal
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow.parquet as pq
import torch
from conftest import REPOSITORY, HeldTraining, tiny_study

from jobs.train import TIMINGS
from runner.study.config import load_study
from runner.study.plan import make_plan
from srcnn.paths import RootPaths

from .cluster import Cluster

LITTLE = {"cpus": 1, "mem_gb": 0.9, "timeout_min": 10, "train": {"gpus": 0}}


TRAINING_S = 15.0  # longer than SLURM takes to kill a task
KEEP = {"every_s": 0.2}  # each state that is kept waits for the disk


@cache
def many_epochs() -> int:
    """How many epochs of the tiny study this machine trains in a quarter of a minute: a fifth of some other's."""
    with tempfile.TemporaryDirectory() as name, mock.patch.dict(os.environ, RUNNER_CPUS="1"):
        root = Path(name)
        plan = make_plan(load_study(str(tiny_study(root, training__epochs=30)))[0], RootPaths(root / "results"))
        ends: list[float] = []
        for stage in ("prepare", "train"):
            for task in plan.stage(stage):
                task.job(lambda *_: ends.append(time.perf_counter()))
        pace = (ends[-1] - ends[-21]) / 20
    return min(800, max(150, round(TRAINING_S / pace)))


def training_study(folder: Path, epochs: int | None = None, **changes: Any) -> Path:
    """A study whose one training takes seconds, so that something can befall it."""
    epochs = epochs or many_epochs()
    cluster = {**LITTLE, **changes.pop("cluster", {})}
    return tiny_study(
        folder,
        training__epochs=epochs,
        render={"epochs": [epochs // 3, epochs]},
        keep=KEEP,
        evaluate__metrics=["psnr", "ssim"],
        evaluate__protocols=["luma", "region"],
        cluster=cluster,
        **changes,
    )


def halting_study(folder: Path, **changes: Any) -> Path:
    """A study whose training halts after its first epoch, for what shall end it."""
    return HeldTraining(folder).study(**changes)


class Submitted:
    """A study on the cluster."""

    def __init__(self, slurm: Cluster, file: Path, *arguments: str) -> None:
        self._know(slurm, file)
        self.out = self.submit(str(file), "--root", str(file.parent / "results"), *arguments)

    def _know(self, slurm: Cluster, file: Path) -> None:
        self.slurm, self.file = slurm, file
        self.folder = file.parent / "results" / file.stem

    @classmethod
    def of(cls, slurm: Cluster, file: Path) -> "Submitted":
        """A study that was submitted already."""
        study = cls.__new__(cls)
        study._know(slurm, file)
        return study

    def submit(self, *arguments: str) -> str:
        """``runner.submit``; what it printed. Raises RuntimeError where it refuses."""
        done = self.command("submit", *arguments, "--executor", "slurm")
        if done.returncode:
            raise RuntimeError(f"submit returned {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def command(self, name: str, *arguments: str):
        """``python -m runner.NAME`` in the cluster's environment."""
        environment = {**self.slurm.env, "PYTHONPATH": f"{REPOSITORY}{os.pathsep}{self.file.parent}"}
        before, self.slurm.env = self.slurm.env, environment
        try:
            return self.slurm.run(sys.executable, "-m", f"runner.{name}", *arguments)
        finally:
            self.slurm.env = before

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

    def wait_for_epoch(self, epoch: int, attempt: int = 1, timeout: float = 300) -> dict[str, Any]:
        """The record of the training once this attempt has passed an epoch, and a state so far is kept."""

        def passed() -> dict[str, Any] | None:
            found = [a for a in self.attempts() if a["number"] == attempt and a["done"] >= epoch]
            return next((a for a in found if self._kept(a["task"]) >= epoch), None)

        return self.slurm.wait_for(passed, f"epoch {epoch} of attempt {attempt}", timeout)

    def wait_until_halted(self, attempt: int = 1) -> dict[str, Any]:
        """The record of this attempt at a training that halts, once its first epoch is kept."""
        return self.slurm.wait_for(
            lambda: next((a for a in self.attempts() if a["number"] == attempt and self._kept(a["task"])), None),
            f"attempt {attempt}",
            300,
        )

    def _kept(self, run: str) -> int:
        history = self.folder / "runs" / run / "history.jsonl"
        return len(history.read_text().splitlines()) if history.exists() else 0

    def wait_until_done(self, timeout: float = 600) -> None:
        """Returns once nothing is under way; fails unless all is done."""
        self.slurm.wait_for(
            lambda: not {task["state"] for task in self.status()["tasks"]} & {"running", "waiting"},
            "the end of the study",
            timeout,
        )
        left = [task for task in self.status()["tasks"] if task["state"] != "done"]
        assert not left, left


def kill(record: dict[str, Any]) -> None:
    """Kill the process of an attempt as kill -9 does: the nodes are all this machine."""
    os.kill(record["pid"], signal.SIGKILL)


def results(folder: Path) -> dict[str, Any]:
    """Everything that a study found: every score, weight, picture and record of history; timings aside."""
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
