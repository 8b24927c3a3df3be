"""The study that goes through the storm, and what is known of it without asking ``runner.status``."""

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from conftest import tiny_study

from jobs.processes import born
from runner.study.config import load_study
from runner.study.plan import Plan, make_plan
from srcnn.paths import RootPaths

Key = tuple[str, str]

TRAINING_S = 7.5  # longer than SLURM takes to kill a task
KEEP = {"every_s": 0.2}  # each state that is kept waits for the disk


def many_epochs() -> int:
    """How many epochs of the tiny study this machine trains in some seconds: a fifth of some other's."""
    with tempfile.TemporaryDirectory() as name, mock.patch.dict(os.environ, RUNNER_CPUS="1"):
        plan = plan_of(tiny_study(Path(name), training__epochs=30), Path(name) / "results")
        ends: list[float] = []
        for stage in ("prepare", "train"):
            for task in plan.stage(stage):
                task.job(lambda *_: ends.append(time.perf_counter()))
        pace = (ends[-1] - ends[-21]) / 20
    return min(400, max(75, round(TRAINING_S / pace)))


def storm_study(folder: Path) -> Path:
    """A study file with three trainings that can be preempted, and scoring by several processes."""
    epochs = many_epochs()
    little = {"cpus": 1, "mem_gb": 0.9, "timeout_min": 10, "partition": "low", "requeues": 500, "train": {"gpus": 0}}
    return tiny_study(
        folder,
        training__epochs=epochs,
        render={"epochs": [epochs // 3, epochs]},
        keep=KEEP,
        sweep={"grid": {"seed": [1, 2, 3]}},
        evaluate__metrics=["psnr", "ssim"],
        evaluate__protocols=["luma", "region"],
        evaluate__workers=2,
        cluster=little,
    )


def plan_of(file: Path, root: Path) -> Plan:
    """The plan of a study file: its jobs know whether their files are there."""
    return make_plan(load_study(str(file))[0], RootPaths(root))


def attempts(study: Path) -> Iterator[dict[str, Any]]:
    """Every attempt on record."""
    for file in [*study.glob("attempts/*.json"), *study.glob("runs/*/attempts/*.json")]:
        try:
            yield json.loads(file.read_bytes())
        except (ValueError, FileNotFoundError):  # it is being begun
            continue


def at_work(study: Path, wanted: Callable[[dict[str, Any]], bool] = lambda _: True) -> list[dict[str, Any]]:
    """Attempts whose process lives at this moment."""
    return [
        each
        for each in attempts(study)
        if each["outcome"] == "running" and born(each["pid"]) == each["born"] and wanted(each)
    ]
