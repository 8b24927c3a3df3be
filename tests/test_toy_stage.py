"""A new stage is one module and one entry in the table: everything else learns of it from there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY, tiny_study, wait_for

from srcnn.paths import StudyPaths

MODULE = """
import time
from dataclasses import dataclass
from pathlib import Path

from jobs.job import Job, silent
from jobs.planned import PlannedRun
from srcnn.outputs import Output


@dataclass(frozen=True)
class Count(Job):
    run: PlannedRun

    @classmethod
    def of(cls, run):
        yield run.run_id, cls(run)

    @property
    def file(self):
        return self.run.paths.folder / "count.txt"

    def outputs(self):
        return (Output("file", self.file),)

    def __call__(self, progress=silent):
        progress(0, 1, "counting")
        while (Path(__file__).parent / "held").exists():
            time.sleep(0.1)
        self.file.write_text(str(len((self.run.paths.folder / "epochs.txt").read_text().splitlines())))
"""

# The table is extended before anything else is imported, as an edit of it would be; its other stages take no time.
COMMAND = """
import importlib, sys
from dataclasses import replace
from runner.study.stages import STAGES, Stage
import stub_stages

stub_stages.install()
report = STAGES.pop("report")
STAGES["count"] = Stage("toy:Count", "run", needs=("train",), leaves=("counts",), steps="line", resources={"cpus": 1})
STAGES["report"] = replace(report, after=(*report.after, "count"))

from runner.record.removable import REMOVABLE, Removable

REMOVABLE["counts"] = Removable("numbers", lambda study: study.paths.runs.glob("*/count.txt"), "counting again")
name, *words = sys.argv[1:]
if name == "arrange":
    from pathlib import Path
    from runner.executors.slurm.arrays import arrange
    from runner.study.config import load_study
    from runner.study.plan import make_plan
    from srcnn.paths import RootPaths

    plan = make_plan(load_study(words[0])[0], RootPaths(Path(words[1])))
    for batch in arrange(plan.study.cluster, plan.missing(), {}, 100):
        print(batch.stage, *sorted(f"{kind}:{on.stage}" for kind, on in batch.waits))
    sys.exit()
sys.exit(importlib.import_module(f"runner.{name}").main(words))
"""


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A study of one run, and the function that calls a command which knows the stage."""
    (tmp_path / "toy.py").write_text(MODULE)
    (tmp_path / "command.py").write_text(COMMAND)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (tmp_path, REPOSITORY, REPOSITORY / "tests"))))
    file = tiny_study(tmp_path, training__epochs=1)
    return StudyPaths(tmp_path / "results" / "tiny"), file


def start(folder: Path, *words: object) -> "subprocess.Popen[str]":
    command = [sys.executable, str(folder / "command.py"), *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder)


def said(folder: Path, *words: object, status: int = 0) -> str:
    process = start(folder, *words)
    out, _ = process.communicate(timeout=300)
    assert process.returncode == status, out
    return out


def test_a_stage_of_ones_own_is_planned_arranged_run_shown_cancelled_and_cleaned(study, tmp_path):
    paths, file = study
    submit = ("submit", file, "--executor", "local", "--cores", "2", "--root", paths.root.root)

    arranged = said(tmp_path, "arrange", file, paths.root.root).splitlines()
    assert "count afterok:train" in arranged
    assert "afterany:count" in next(line for line in arranged if line.startswith("report"))

    (tmp_path / "held").touch()
    runner = start(tmp_path, *submit)
    wait_for(lambda: list(paths.runs.glob("*/attempts/count-*-1.json")))
    wait_for(lambda: "count tiny: line 0 of 1" in said(tmp_path, "status", paths.folder, status=3))
    assert "count 1" in said(tmp_path, "cancel", paths.folder)
    out, _ = runner.communicate(timeout=120)
    assert runner.returncode == 130, out
    assert next(line for line in out.splitlines() if line.startswith("count")).split()[:4] == ["count", "1", "0", "1"]
    assert not list(paths.runs.glob("*/count.txt"))

    (tmp_path / "held").unlink()
    assert "tasks done" in said(tmp_path, *submit)
    (counted,) = paths.runs.glob("*/count.txt")
    assert counted.read_text() == "1"
    said(tmp_path, "status", paths.folder)

    said(tmp_path, "clean", paths.folder, "--what", "counts", "--yes")
    assert not counted.exists()
    todo = [line.split()[0] for line in said(tmp_path, *submit, "--dry-run").splitlines() if line.split()[3:4] == ["1"]]
    assert todo == ["count", "report"]
