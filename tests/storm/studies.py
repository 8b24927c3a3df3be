"""The study that goes through the storm, and what is known of it without asking ``runner.status``."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from conftest import tiny_study
from slurm.studies import KEEP, many_epochs

from jobs.processes import born
from runner.study.config import load_study
from runner.study.plan import Plan, make_plan
from srcnn.paths import RootPaths

Key = tuple[str, str]


def storm_study(folder: Path) -> Path:
    """A study file with three trainings that can be preempted, and scoring by several processes."""
    epochs = many_epochs() // 2
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
