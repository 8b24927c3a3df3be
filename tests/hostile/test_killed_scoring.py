"""A task of scores that is killed loses the picture under way and no other."""

import os
import pickle
import signal
import subprocess
import sys

import pyarrow.parquet as pq
from conftest import REPOSITORY, photograph, tiny_study
from PIL import Image

from jobs.baseline import Baseline
from runner.study.config import load_study
from runner.study.plan import make_plan
from srcnn.paths import RootPaths

# Notes every call, and kills the task, whose child it is, at a dark picture, as long as it is told to.
OWN = """
import os
import time
from pathlib import Path

HERE = Path(__file__).parent

def own(reference, estimate, data_range):
    with (HERE / "calls").open("a") as calls:
        calls.write("x")
    if reference.mean() < 80 and (HERE / "kill").exists():
        os.kill(os.getppid(), 9)
        time.sleep(600)
    return 1.0
"""


def test_a_killed_task_goes_on_with_the_pictures_that_were_not_scored(tmp_path, monkeypatch):
    (tmp_path / "killing_of_mine.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "kill").touch()
    metrics = ["psnr", "killing_of_mine:own"]
    file = tiny_study(tmp_path, evaluate__metrics=metrics, evaluate__protocols=["luma"])
    Image.fromarray(photograph(4) // 4).save(tmp_path / "eval" / "photo4.png")  # the last of the two
    plan = make_plan(load_study(str(file))[0], RootPaths(tmp_path / "results"))
    (job,) = (task.job for task in plan.tasks if isinstance(task.job, Baseline))

    (tmp_path / "job.pkl").write_bytes(pickle.dumps(job))
    command = [sys.executable, "-c", "import pickle, sys; pickle.load(open(sys.argv[1], 'rb'))()", tmp_path / "job.pkl"]
    environment = {**os.environ, "PYTHONPATH": f"{REPOSITORY}{os.pathsep}{tmp_path}"}
    killed = subprocess.run(command, env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    (kept,) = tmp_path.glob("results/tiny/scores/*/*.unfinished.jsonl")
    kept.write_bytes(kept.read_bytes() + b'{"name": "evals/photo4", "sta')  # as if killed in the middle of a line
    (tmp_path / "kill").unlink()
    (tmp_path / "calls").write_text("")
    job()
    assert len((tmp_path / "calls").read_text()) == 1
    rows = pq.read_table(job.shard)
    assert rows["image"].to_pylist() == ["photo3", "photo4"]
    assert rows["killing_of_mine:own"].to_pylist() == [1.0, 1.0]
    assert not list(tmp_path.glob("results/tiny/scores/*/*.jsonl"))
    assert not list(tmp_path.glob("results/tiny/scores/*/*.partial.parquet"))
    sys.modules.pop("killing_of_mine", None)
