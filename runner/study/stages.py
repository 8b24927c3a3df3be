"""The stages of a study: one table, from which plan, arrays, status, cancel, clean, cost and report learn of them."""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from jobs.job import Job
    from jobs.planned import PlannedRun

# What a stage has one task for: training patches, a degradation of pictures, a run, a block of a run's pictures, all.
Per = Literal["patches", "degradation", "run", "block", "study"]


@dataclass(frozen=True)
class Stage:
    """How the tasks of a stage come about, what they wait for, what they ask of a cluster.

    ``job`` is ``module:Class``, whose ``of(run)`` gives a run's tasks as (name, job); it is imported where a study is
    planned. A task needs those of the same run, or what it shares, of the stages in ``needs``, and starts when they
    have gone well; it starts when all of the stages in ``after`` have ended, well or not. What a stage makes that only
    ``serves`` is made where something needs it and not for its own sake. ``leaves`` names the kinds of files of
    ``runner.record.removable`` that it makes, ``steps`` what its progress counts where that has a name.
    """

    job: str
    per: Per
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    serves: bool = False
    leaves: tuple[str, ...] = ()
    steps: str = ""
    resources: dict[str, Any] = field(default_factory=dict)

    @property
    def of_run(self) -> bool:
        """Whether its tasks belong to a run each."""
        return self.per in ("run", "block")

    def tasks(self) -> "Callable[[PlannedRun], Iterator[tuple[str, Job]]]":
        """Return the function that gives a run's tasks of this stage, with their names."""
        module, _, name = self.job.partition(":")
        found: Callable[[PlannedRun], Iterator[tuple[str, Job]]] = getattr(importlib.import_module(module), name).of
        return found


# In an order in which they could run one by one.
STAGES: dict[str, Stage] = {
    "prepare": Stage(
        "jobs.prepare:Prepare", "patches", serves=True, resources={"cpus": 4, "mem_gb": 4, "timeout_min": 60}
    ),
    "baseline": Stage(
        "jobs.baseline:Baseline",
        "degradation",
        leaves=("baselines",),
        resources={"cpus": 8, "mem_gb": 8, "timeout_min": 120},
    ),
    "train": Stage(
        "jobs.train:Train",
        "run",
        needs=("prepare",),
        leaves=("checkpoints",),
        steps="epoch",
        resources={"gpus": 1, "cpus": 2, "mem_gb": 8, "timeout_min": 240},
    ),
    "render": Stage(
        "jobs.render:Render",
        "run",
        needs=("train",),
        leaves=("pictures",),
        resources={"cpus": 4, "mem_gb": 8, "timeout_min": 240},
    ),
    "evaluate": Stage(
        "jobs.evaluate:Evaluate", "block", needs=("render",), resources={"cpus": 8, "mem_gb": 8, "timeout_min": 240}
    ),
    "report": Stage(
        "jobs.report:Report",
        "study",
        after=("baseline", "train", "evaluate"),
        resources={"cpus": 1, "mem_gb": 4, "timeout_min": 30},
    ),
}


_TASK_PER = {
    "patches": "set of training patches",
    "degradation": "degradation of the pictures",
    "run": "run",
    "block": "block of a run's pictures",
    "study": "study",
}


def stages_table() -> str:
    """Return the stages as a Markdown table: what has a task, what it starts after, what it asks for by default."""
    lines = ["| Stage | One task a | Starts after | Asks for |", "|---|---|---|---|"]
    for name, stage in STAGES.items():
        after = ", ".join(stage.needs) or ", ".join(stage.after) + " have ended" * bool(stage.after) or "–"
        units = {"gpus": "GPU", "cpus": "CPU", "mem_gb": "GB", "timeout_min": "min"}
        asks = ", ".join(f"{value} {units[key]}" for key, value in stage.resources.items())
        lines.append(f"| {name} | {_TASK_PER[stage.per]} | {after} | {asks} |")
    return "\n".join(lines)


def remade_by(kind: str) -> set[str]:
    """Return the stages whose tasks are done again where a kind of files is removed: what leaves it, and all after."""
    remade: set[str] = set()
    for name, stage in STAGES.items():
        if kind in stage.leaves or any(need in remade for need in stage.needs):
            remade.add(name)
    return remade
