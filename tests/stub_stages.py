"""``python -m stub_stages submit ...``: the commands on a table of stages that need no torch and take no time.

``train`` counts epochs and halts in its second while the file ``held`` lies beside the results, or ``held LABEL`` for
one run alone; the file may say after how many epochs. It takes as many megabytes as the file ``hoard`` there says.
``render`` and ``evaluate`` do nothing but follow it, and ``report`` says what there is. What schedules, follows,
cancels and explains tasks is tested on these; what they would compute, elsewhere.
"""

import importlib
import os
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from jobs.job import Job, Progress, silent
from runner.study.stages import STAGES
from srcnn.files import write_json, write_text
from srcnn.outputs import Output

if TYPE_CHECKING:  # tasks start sooner without what it imports, and they hold only what they use of it
    from jobs.planned import PlannedRun

WITHOUT_VARIABLE = "STUB_STAGES_WITHOUT"  # names of stages that no task is of
UPDATE_S = 0.1  # between two words of a training that halts


class Diverged(RuntimeError):
    """What the training of a run raises whose learning rate is beyond all sense."""


@dataclass(frozen=True)
class Train(Job):
    """Counts epochs, from the last that is on record on."""

    folder: Path
    beside: Path  # where the files lie that it obeys
    label: str
    epochs: int
    learning_rate: float

    @classmethod
    def of(cls, run: "PlannedRun") -> Iterator[tuple[str, Self]]:
        training, beside = run.experiment.training, run.study.root.root.parent
        yield run.run_id, cls(run.paths.folder, beside, run.label, training.epochs, training.learning_rate)

    @property
    def count(self) -> Path:
        return self.folder / "epochs.txt"

    def done(self) -> list[str]:
        return self.count.read_text().splitlines() if self.count.exists() else []

    def halts(self, epoch: int) -> bool:
        """Whether it may not go on after an epoch, for now."""
        for name in ("held", f"held {self.label}"):
            try:
                if epoch >= int((self.beside / name).read_text() or 1):
                    return True
            except FileNotFoundError:
                continue
        return False

    def outputs(self) -> tuple[Output, ...]:
        return (Output("file", self.folder / "trained.txt"),)

    def __call__(self, progress: Progress = silent) -> None:
        done = self.done()
        progress(len(done), self.epochs, "")
        if self.learning_rate > 1:
            raise Diverged("training diverged: the loss is nan")
        hoard = self.beside / "hoard"
        taken = b"x" * (int(hoard.read_text()) << 20) if hoard.exists() else b""
        for epoch in range(len(done) + 1, self.epochs + 1):
            while self.halts(epoch - 1):
                time.sleep(UPDATE_S)
                progress(epoch - 1, self.epochs, "halts")
            write_text(self.count, "".join(f"{each}\n" for each in range(1, epoch + 1)))
            progress(epoch, self.epochs, f"loss {1 / epoch:.3f}")
        write_text(self.folder / "trained.txt", "all of it")
        del taken


@dataclass(frozen=True)
class Follow(Job):
    """Leaves a file of its stage."""

    folder: Path
    stage: str
    label: str

    def outputs(self) -> tuple[Output, ...]:
        return (Output("file", self.folder / f"{self.stage}.txt"),)

    def __call__(self, progress: Progress = silent) -> None:
        progress(0, 1, "")
        write_text(self.folder / f"{self.stage}.txt", "done")
        progress(1, 1, f"{self.stage} {self.label}")


class Render(Follow):
    """After a training."""

    @classmethod
    def of(cls, run: "PlannedRun") -> Iterator[tuple[str, Self]]:
        yield run.run_id, cls(run.paths.folder, "render", run.label)


class Evaluate(Follow):
    """After a rendering."""

    @classmethod
    def of(cls, run: "PlannedRun") -> Iterator[tuple[str, Self]]:
        yield f"{run.run_id}.0", cls(run.paths.folder, "evaluate", run.label)


@dataclass(frozen=True)
class Report(Job):
    """Lists the runs that are trained."""

    runs: Path
    page: Path

    @classmethod
    def of(cls, run: "PlannedRun") -> Iterator[tuple[str, Self]]:
        yield "report", cls(run.study.runs, run.study.report_page)

    def outputs(self) -> tuple[Output, ...]:
        return (Output("file", self.page),)

    def __call__(self, progress: Progress = silent) -> None:
        trained = sorted(file.parent.name for file in self.runs.glob("*/trained.txt"))
        write_text(self.page, " ".join(trained))
        write_json(self.page.with_name("trained.json"), trained)
        progress(1, 1, str(self.page))


def install(real: Collection[str] = (), without: Collection[str] = ()) -> None:
    """Put these in the places of the real ones but for some, before anything reads the table."""
    without = without or os.environ.get(WITHOUT_VARIABLE, "").split()
    for name in {"prepare", "baseline", *without} - {*real}:
        del STAGES[name]
    others = {"train": {"needs": (), "resources": {"cpus": 1}}, "report": {"after": ("train", "evaluate")}}
    for name in {*STAGES} - {*real}:
        STAGES[name] = replace(STAGES[name], job=f"stub_stages:{name.capitalize()}", **others.get(name, {}))
    for name, stage in STAGES.items():
        STAGES[name] = replace(stage, after=tuple(each for each in stage.after if each in STAGES))


@contextmanager
def installed(real: Collection[str] = (), without: Collection[str] = ()) -> Iterator[None]:
    """Have them in place for a while, in a process that needs the real ones too."""
    before = dict(STAGES)
    try:
        install(real, without)
        yield
    finally:
        STAGES.clear()
        STAGES.update(before)


if __name__ == "__main__":
    install()
    sys.exit(importlib.import_module(f"runner.{sys.argv[1]}").main(sys.argv[2:]))
