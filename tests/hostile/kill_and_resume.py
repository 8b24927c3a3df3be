"""A run trained, restored and scored by processes that are killed again and again.

``python kill_and_resume.py FOLDER KILLS``: each attempt is a process of its own, ended by SIGKILL at
a chosen or an arbitrary moment, until one gets through, below ``FOLDER/killed``; below ``FOLDER/whole``
the same run is made without interruption. Prints where each attempt died, as JSON. The attempts are
forked from one parent, so that torch is imported once and not twenty times.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet  # noqa: F401 - once, and not in every attempt
import torch._dynamo  # noqa: F401 - the first optimiser of a process imports it, which takes a second

import srcnn.inference
import srcnn.models.weights
import srcnn.steps
import srcnn.training
from jobs.baseline import Baseline
from jobs.evaluate import Evaluate
from jobs.prepare import Prepare
from jobs.render import Render
from jobs.train import Train
from runner.study.config import StudyConfig
from runner.study.plan import make_plan
from srcnn.files import write_picture
from srcnn.metrics import warm_up
from srcnn.paths import RootPaths

STUDY = {
    "name": "killed",
    "data": {"train": "PICTURES/train", "eval": {"held": "PICTURES/eval"}, "patch_size": 17, "stride": 6},
    "training": {"epochs": 12, "batch_size": 8, "warmup_steps": 5},
    "render": {"epochs": [4, 8, 12]},
    "keep": {"every_s": 0, "last": 2},
    "evaluate": {"protocols": ["luma", "region"], "crops": [[24, 24]], "metrics": ["psnr", "ssim"], "workers": 1},
}


def plan(root: Path):
    """The plan of a small study below root; pictures are made on the first call."""
    rng = np.random.default_rng(0)
    for name in ("train/a", "train/b", "eval/c"):
        file = root / "pictures" / f"{name}.png"
        if not file.exists():
            coarse = rng.integers(0, 256, (8, 9, 3), dtype=np.uint8)
            write_picture(file, np.kron(coarse, np.ones((7, 7, 1), np.uint8)))
    study = json.loads(json.dumps(STUDY).replace("PICTURES", str(root / "pictures")))
    return make_plan(StudyConfig(**study), RootPaths(root))


def work(tasks) -> None:
    """Everything from patches to scores; what is there is not made again."""
    for task in tasks:
        if isinstance(task.job, Prepare | Baseline | Train | Render | Evaluate) and not task.job.is_done():
            task.job()


def kill_at_batch(number: int) -> None:
    """Die at the n-th batch from now."""
    original, seen = srcnn.steps.inner, 0

    def counted(images, border):
        nonlocal seen
        seen += 1
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(images, border)

    srcnn.steps.inner = counted


def kill_in_write(number: int, moment: str) -> None:
    """Die in the n-th file written from now: half way, before it is renamed, or just after."""
    original, replace, seen = Path.write_bytes, os.replace, 0

    def counted(path, content):
        nonlocal seen
        seen += 1
        if seen == number and moment == "half":
            original(path, content[: len(content) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        return original(path, content)

    def renamed(old, new):
        if seen == number and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        replace(old, new)
        if seen == number and moment == "after":
            os.kill(os.getpid(), signal.SIGKILL)

    Path.write_bytes, os.replace = counted, renamed


def attempt(tasks, moment: tuple) -> int:
    """Fork a process that does the work and dies at the moment; its exit status."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            kind, *arguments = moment
            {"batch": kill_at_batch, "write": kill_in_write, "time": lambda *_: None, "never": lambda *_: None}[kind](
                *arguments
            )
            work(tasks)
            code = 0
        except BaseException as error:  # noqa: BLE001 - the parent must see that this was no kill
            print(f"{moment}: {error!r}", file=sys.stderr)
        finally:
            sys.stderr.flush()
            os._exit(code)
    if moment[0] == "time":
        time.sleep(moment[1])
        os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1]


def moments(count: int):
    """Where to die: arbitrary moments in time, batches of an epoch, and stages of a write."""
    rng = random.Random(7)
    for number in range(count):
        kind = number % 3
        if kind == 0:
            yield ("time", rng.uniform(0.05, 0.5))
        elif kind == 1:
            yield ("batch", rng.randrange(2, 40))
        else:
            yield ("write", rng.randrange(1, 5), rng.choice(["half", "before", "after"]))


def main() -> None:
    """Let one run be, kill the other, then let one attempt through."""
    folder, kills = Path(sys.argv[1]), int(sys.argv[2])
    warm_up(metrics=STUDY["evaluate"]["metrics"])  # kernels are loaded once, too
    assert attempt(plan(folder / "whole").tasks, ("never",)) == 0
    root = folder / "killed"
    tasks = plan(root).tasks
    deaths = []
    for moment in moments(1000):
        if len(deaths) >= kills:
            break
        status = attempt(tasks, moment)
        if os.WIFSIGNALED(status):
            history = next(root.glob("killed/runs/*/history.jsonl"), None)
            deaths.append([*moment, "epoch", len(history.read_text().splitlines()) if history else 0])
        else:
            assert os.WEXITSTATUS(status) == 0, moment
            # It got through: what was made last is lost, so that there is something to do again.
            for file in root.glob("killed/scores/*/*.parquet"):
                file.unlink()
            for name in ("last.pt", "best.pt", "epoch_0012.pt", "previous_1.pt"):
                for file in root.glob(f"killed/runs/*/checkpoints/{name}"):
                    file.unlink()
    assert attempt(tasks, ("never",)) == 0
    print(json.dumps(deaths))


if __name__ == "__main__":
    main()
