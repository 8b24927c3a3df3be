"""``python -m stub_stages submit ...``: the commands on a table of stages that need no torch and take no time.

``train`` counts epochs and halts in its second while the file ``held`` lies beside the results; ``render`` and
``evaluate`` do nothing but follow it, and ``report`` says what there is. What schedules, follows, cancels and explains
tasks is tested on these; what they would compute, elsewhere.
"""

import importlib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from jobs.job import Job, Progress, silent
from jobs.planned import PlannedRun
from runner.study.stages import STAGES
from srcnn.files import write_json, write_text
from srcnn.outputs import Output


class Diverged(RuntimeError):
    """What the training of a run raises whose learning rate is beyond all sense."""


@dataclass(frozen=True)
class Train(Job):
    """Counts epochs, from the last that is on record on."""

    run: PlannedRun

    @classmethod
    def of(cls, run: PlannedRun) -> Iterator[tuple[str, Self]]:
        yield run.run_id, cls(run)

    @property
    def count(self) -> Path:
        return self.run.paths.folder / "epochs.txt"

    def done(self) -> list[str]:
        return self.count.read_text().splitlines() if self.count.exists() else []

    def outputs(self) -> tuple[Output, ...]:
        return (Output("file", self.run.paths.folder / "trained.txt"),)

    def __call__(self, progress: Progress = silent) -> None:
        epochs, held = self.run.experiment.training.epochs, self.run.study.root.root.parent / "held"
        done = self.done()
        progress(len(done), epochs, "")
        if self.run.experiment.training.learning_rate > 1:
            raise Diverged("training diverged: the loss is nan")
        for epoch in range(len(done) + 1, epochs + 1):
            while epoch > 1 and held.exists():
                time.sleep(0.02)
            write_text(self.count, "".join(f"{each}\n" for each in range(1, epoch + 1)))
            progress(epoch, epochs, f"loss {1 / epoch:.3f}")
        write_text(self.run.paths.folder / "trained.txt", "all of it")


@dataclass(frozen=True)
class Follow(Job):
    """Leaves a file of its stage."""

    run: PlannedRun
    stage: str

    def outputs(self) -> tuple[Output, ...]:
        return (Output("file", self.run.paths.folder / f"{self.stage}.txt"),)

    def __call__(self, progress: Progress = silent) -> None:
        progress(0, 1, "")
        write_text(self.run.paths.folder / f"{self.stage}.txt", "done")
        progress(1, 1, f"{self.stage} {self.run.label}")


class Render(Follow):
    """After a training."""

    @classmethod
    def of(cls, run: PlannedRun) -> Iterator[tuple[str, Self]]:
        yield run.run_id, cls(run, "render")


class Evaluate(Follow):
    """After a rendering."""

    @classmethod
    def of(cls, run: PlannedRun) -> Iterator[tuple[str, Self]]:
        yield f"{run.run_id}.0", cls(run, "evaluate")


@dataclass(frozen=True)
class Report(Job):
    """Lists the runs that are trained."""

    run: PlannedRun

    @classmethod
    def of(cls, run: PlannedRun) -> Iterator[tuple[str, Self]]:
        yield "report", cls(run)

    def outputs(self) -> tuple[Output, ...]:
        return (Output("file", self.run.study.report_page),)

    def __call__(self, progress: Progress = silent) -> None:
        trained = sorted(file.parent.name for file in self.run.study.runs.glob("*/trained.txt"))
        write_text(self.run.study.report_page, " ".join(trained))
        write_json(self.run.study.report / "trained.json", trained)
        progress(1, 1, str(self.run.study.report_page))


def install() -> None:
    """Put these in the places of the real ones, before anything reads the table."""
    for name in ("prepare", "baseline"):
        del STAGES[name]
    for name in STAGES:
        STAGES[name] = replace(STAGES[name], job=f"stub_stages:{name.capitalize()}")
    STAGES["train"] = replace(STAGES["train"], needs=(), resources={"cpus": 1})
    STAGES["report"] = replace(STAGES["report"], after=("train", "evaluate"))


if __name__ == "__main__":
    install()
    sys.exit(importlib.import_module(f"runner.{sys.argv[1]}").main(sys.argv[2:]))
