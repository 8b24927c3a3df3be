"""A new stage is one module and one entry in the table: everything else learns of it from there."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY, tiny_study, wait_for

from srcnn.attempts import read_attempt
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
import importlib, json, sys
from dataclasses import replace
from runner.study.stages import STAGES, Stage
import stub_stages

stub_stages.install()
report = STAGES.pop("report")
STAGES["count"] = Stage("toy:Count", "run", needs=("train",), leaves=("counts",), steps="line", resources={"cpus": 1})
STAGES["report"] = replace(report, after=(*report.after, "count"))

from runner.record.removable import REMOVABLE, Removable

REMOVABLE["counts"] = Removable("numbers", lambda study: study.paths.runs.glob("*/count.txt"), "counting again")


def arrange(words):
    from pathlib import Path
    from runner.executors.slurm.arrays import arrange
    from runner.study.config import load_study
    from runner.study.plan import make_plan
    from srcnn.paths import RootPaths

    plan = make_plan(load_study(words[0])[0], RootPaths(Path(words[1])))
    for batch in arrange(plan.study.cluster, plan.missing(), {}, 100):
        print(batch.stage, *sorted(f"{kind}:{on.stage}" for kind, on in batch.waits))
    return 0


for name, *words in json.loads(sys.argv[1]):
    status = arrange(words) if name == "arrange" else importlib.import_module(f"runner.{name}").main(words)
    print(f"ENDED {status}", flush=True)
sys.exit(status)
"""


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A study of one run, and the function that calls a command which knows the stage."""
    (tmp_path / "toy.py").write_text(MODULE)
    (tmp_path / "command.py").write_text(COMMAND)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (tmp_path, REPOSITORY, REPOSITORY / "tests"))))
    monkeypatch.setenv("STUB_STAGES_WITHOUT", "render evaluate")
    file = tiny_study(tmp_path, training__epochs=1)
    return StudyPaths(tmp_path / "results" / "tiny"), file


def start(folder: Path, *commands: tuple[object, ...]) -> "subprocess.Popen[str]":
    """A process that does one command after another."""
    words = json.dumps([list(map(str, command)) for command in commands])
    command = [sys.executable, str(folder / "command.py"), words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder)


def said(folder: Path, *commands: tuple[object, ...]) -> list[tuple[str, int]]:
    """What each command says, and its status."""
    out, _ = start(folder, *commands).communicate(timeout=300)
    *parts, rest = re.split(r"^ENDED (\d+)\n", out, flags=re.M)
    assert rest == "", out
    return [(text, int(status)) for text, status in zip(parts[::2], parts[1::2], strict=True)]


def test_a_stage_of_ones_own_is_planned_arranged_run_shown_cancelled_and_cleaned(study, tmp_path):
    paths, file = study
    submit = ("submit", file, "--executor", "local", "--cores", "2", "--root", paths.root.root)

    ((arranged, _),) = said(tmp_path, ("arrange", file, paths.root.root))
    assert "count afterok:train" in arranged.splitlines()
    assert "afterany:count" in next(line for line in arranged.splitlines() if line.startswith("report"))

    (tmp_path / "held").touch()
    runner = start(tmp_path, submit)
    (counting,) = wait_for(lambda: list(paths.runs.glob("*/attempts/count-*-1.json")))
    wait_for(lambda: (record := read_attempt(counting)) and record.total)  # it may be empty yet
    shown, cancelled = said(tmp_path, ("status", paths.folder), ("cancel", paths.folder))
    assert ("count tiny: line 0 of 1" in shown[0], shown[1]) == (True, 3), shown
    assert ("count 1" in cancelled[0], cancelled[1]) == (True, 0), cancelled
    out, _ = runner.communicate(timeout=120)
    assert runner.returncode == 130, out
    assert next(line for line in out.splitlines() if line.startswith("count")).split()[:4] == ["count", "1", "0", "1"]
    assert not list(paths.runs.glob("*/count.txt"))

    (tmp_path / "held").unlink()
    done, shown = said(tmp_path, submit, ("status", paths.folder))
    assert ("tasks done" in done[0], done[1], shown[1]) == (True, 0, 0), (done, shown)
    (counted,) = paths.runs.glob("*/count.txt")
    assert counted.read_text() == "1"

    cleaned, planned = said(tmp_path, ("clean", paths.folder, "--what", "counts", "--yes"), (*submit, "--dry-run"))
    assert (cleaned[1], planned[1], counted.exists()) == (0, 0, False), cleaned
    todo = [line.split()[0] for line in planned[0].splitlines() if line.split()[3:4] == ["1"]]
    assert todo == ["count", "report"]
