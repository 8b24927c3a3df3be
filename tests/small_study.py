"""A study small enough to be trained inside a test."""

import json

import numpy as np

from jobs.prepare import Prepare
from jobs.train import Train
from runner.study.config import StudyConfig
from runner.study.plan import make_plan
from srcnn.files import write_picture
from srcnn.paths import RootPaths


def small_plan(root, seed=0, **sections):
    """The plan of two training pictures and one to score, patches of 17x17."""
    rng = np.random.default_rng(1)
    for name in ("train/a", "train/b", "eval/c"):
        coarse = rng.integers(0, 256, (8, 9, 3), dtype=np.uint8)
        write_picture(root / "pictures" / f"{name}.png", np.kron(coarse, np.ones((7, 7, 1), np.uint8)))
    data = {"train": str(root / "pictures/train"), "eval": {"held": str(root / "pictures/eval")}}
    data |= {"patch_size": 17, "stride": 6, **sections.pop("data", {})}
    training = {"epochs": 3, "batch_size": 8, "warmup_steps": 5, **sections.pop("training", {})}
    evaluate = {"protocols": ["luma"], "crops": [[24, 24]], "metrics": ["psnr", "ssim"], "workers": 1}
    evaluate |= sections.pop("evaluate", {})
    study = StudyConfig(name="small", data=data, training=training, evaluate=evaluate, seed=seed, **sections)
    return make_plan(study, RootPaths(root))


def train(root, progress=None, **sections):
    """Paths and history of the trained runs of a small study."""
    plan = small_plan(root, **sections)
    for task in plan.tasks:
        if isinstance(task.job, Prepare | Train):
            task.job(progress) if progress else task.job()
    found = []
    for run in plan.runs:
        paths = plan.paths.run(run.run_id)
        found.append((paths, [json.loads(line) for line in paths.history.read_text().splitlines()]))
    return found
