"""Training: dB against seconds for several recipes, and patches per second, on this machine in one run.

``python benchmarks/training.py --data-root FOLDER [--seconds 60] [--scale 3] [--model 9-1-5] [--json FILE]``

All arms use one core and the same patches (T91), and are scored on all of Set5. The clock of the
recipes is the process's CPU time, so that a busy machine does not decide; wall time is printed
beside it. Throughput is measured in processes that take turns, and compared round by round.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from benchmarks.written import add_json, require_free, write_figures

os.environ.setdefault("RUNNER_CPUS", "1")

if TYPE_CHECKING:
    from jobs.prepare import Prepare
    from srcnn.monitor import MonitoredPicture

Wanted = Literal["auto", "float32"]
MARKS = (2, 5, 10, 20, 30, 60, 120, 180, 240, 300)


@dataclass(frozen=True)
class Recipe:
    """The settings of one arm."""

    title: str
    batch: int
    residual: bool
    init: str
    optimiser: str
    rate: float
    last: float
    schedule: str
    summed: bool = False  # Caffe's loss: half the squared error summed over a patch, not its mean
    centred: bool = False
    augment: bool = False
    precision: Wanted = "float32"


RECIPES = {
    "ours": Recipe(
        "ours", 16, True, "default", "adam", 2e-3, 1.0, "cosine", centred=True, augment=True, precision="auto"
    ),
    "float32": Recipe("ours, float32", 16, True, "default", "adam", 2e-3, 1.0, "cosine", centred=True, augment=True),
    # The widespread PyTorch port of SRCNN: Adam, 1e-4, and 1e-5 for the last layer.
    "port": Recipe("popular PyTorch port", 16, False, "default", "adam", 1e-4, 0.1, "constant"),
    # Dong et al. (2016), section 4.1, and the authors' solver file.
    "caffe": Recipe("published Caffe", 128, False, "gaussian", "sgd", 1e-4, 0.1, "constant", summed=True),
}


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    p.add_argument("--data-root", type=Path, required=True, help="folder that holds t91/, set5/, ...")
    p.add_argument("--root", type=Path, default=Path("results/benchmarks"), help="where patches are kept")
    p.add_argument("--scale", type=int, default=3)
    p.add_argument("--seconds", type=float, default=60.0, help="of training, for each recipe")
    p.add_argument("--recipes", nargs="*", default=list(RECIPES), choices=list(RECIPES))
    p.add_argument("--rounds", type=int, default=3, help="of the throughput arms; 0 leaves them out")
    p.add_argument("--full", action="store_true", help="score Set14 and B100 too, at the end of each recipe")
    add_json(p, "training.json")
    p.add_argument("--model", default="9-1-5", choices=["9-1-5", "9-3-5", "9-5-5", "9-1-7"], help="of the recipes")
    p.add_argument("--arm", help=argparse.SUPPRESS)  # a child process of the throughput comparison
    return p


def main() -> None:
    """Print both tables and write them as JSON."""
    arguments = parser().parse_args()
    if not arguments.arm:
        require_free(arguments)
    prepare = prepared(arguments)
    if arguments.arm:
        print(json.dumps(ARMS[arguments.arm](prepare, arguments.model)))
        return
    load = os.getloadavg()[0]
    result: dict[str, Any] = {"scale": arguments.scale, "load": load, "cores": os.cpu_count()}
    print(f"x{arguments.scale}, one core of {os.cpu_count()}, load {load:.1f} at the start")
    result["throughput"] = throughput(arguments) if arguments.rounds else {}
    result["recipes"] = {name: train_recipe(arguments, prepare, RECIPES[name]) for name in arguments.recipes}
    write_figures(arguments, "training", result)
    print(f"written to {arguments.json}")


def prepared(arguments: argparse.Namespace) -> "Prepare":
    """Return the patches of the packaged study, cut if they are not there."""
    from runner.study.config import load_study
    from runner.study.plan import make_plan
    from srcnn.paths import RootPaths

    study, _ = load_study(f"t91_x{arguments.scale}")
    plan = make_plan(study, RootPaths(arguments.root.resolve()), arguments.data_root.resolve())
    job: Any = plan.stage("prepare")[0].job
    if not job.is_done():
        job()
    return job  # type: ignore[no-any-return]


# --- dB against seconds -----------------------------------------------------------------------
def train_recipe(arguments: argparse.Namespace, prepare: "Prepare", recipe: Recipe) -> dict[str, Any]:
    """Return the PSNR on Set5 after so many seconds of training, scoring not counted."""
    import torch

    from srcnn.batches import Patches, augmented
    from srcnn.dataset import read_planes
    from srcnn.deprocess import CENTRE, Standardisation
    from srcnn.experiment import TrainingConfig
    from srcnn.models import MODELS
    from srcnn.models.build import build_model
    from srcnn.monitor import mean_scores
    from srcnn.precision import precision_for
    from srcnn.schedules import SCHEDULES
    from srcnn.steps import inner
    from srcnn.training import new_optimiser

    torch.set_num_threads(1)
    scale = Standardisation(CENTRE if recipe.centred else 0.0, 1.0)
    planes = read_planes(prepare.root.patches(prepare.name))
    tensors = Patches.cut_from(planes, "train", scale, torch.device("cpu"))
    model = build_model(arguments.model, residual=recipe.residual, seed=0, init=recipe.init)
    model.to(memory_format=torch.channels_last)
    config = TrainingConfig(optimiser=recipe.optimiser, learning_rate=recipe.rate, last_layer_rate=recipe.last)
    optimiser = new_optimiser(model, config)
    precision = precision_for(MODELS[arguments.model].learns_in_bfloat16, torch.device("cpu"), recipe.precision)
    pictures = monitored(arguments, "set5", "Set5")
    generator = torch.Generator().manual_seed(0)
    marks = [mark for mark in MARKS if mark < arguments.seconds] + [arguments.seconds]
    spent, wall, seen, curve = 0.0, 0.0, 0, []
    bicubic = mean_scores(model, pictures, scale)["Set5"]["bicubic_psnr"]
    print(f"\n{arguments.model}, {recipe.title}, {precision}: Set5 dB (bicubic {bicubic:.2f})")
    order = iter(())  # type: ignore[var-annotated]
    for mark in marks:
        model.train()
        cpu, clock = time.process_time(), time.perf_counter()
        while (now := spent + time.process_time() - cpu) < mark:
            index = next(order, None)
            if index is None:
                order = iter(torch.randperm(len(tensors), generator=generator).split(recipe.batch))
                continue
            rate = recipe.rate * SCHEDULES[recipe.schedule](now / arguments.seconds, 0.01)
            for group in optimiser.param_groups:
                group["lr"] = rate * group["factor"]
            inputs, targets = tensors.batch(index)
            if recipe.augment:
                flip = int(torch.randint(8, (1,), generator=generator))
                inputs, targets = augmented(inputs, flip), augmented(targets, flip)
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
                restored = model(inputs)
            squares = (restored.float() - inner(targets, model.border)).square()
            loss = squares.sum() / (2 * len(index)) if recipe.summed else squares.mean()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            seen += len(index)
        spent, wall = spent + time.process_time() - cpu, wall + time.perf_counter() - clock
        values = mean_scores(model.eval(), pictures, scale)["Set5"]
        curve.append({"cpu_seconds": spent, "wall_seconds": wall, "patches": seen, **values})
        print(f"  {spent:6.1f} s CPU {wall:6.1f} s wall {seen:8d} patches  {values['psnr']:.2f} dB", flush=True)
    found: dict[str, Any] = {"title": recipe.title, "precision": precision, "curve": curve}
    if arguments.full:
        for name, folder in (("Set14", "set14"), ("B100", "bsds500/val")):
            found[name] = mean_scores(model, monitored(arguments, folder, name), scale)[name]
            print(f"  {name} {found[name]['psnr']:.2f} dB (bicubic {found[name]['bicubic_psnr']:.2f})", flush=True)
    return found


def monitored(arguments: argparse.Namespace, folder: str, name: str) -> "list[MonitoredPicture]":
    """Return a set's pictures, degraded."""
    from srcnn.experiment import DataConfig
    from srcnn.files import is_grey_file, read_picture
    from srcnn.monitor import MonitoredPicture

    data = DataConfig(train=("t91",), scale=arguments.scale, crop_to_scale=True)
    files = sorted((arguments.data_root / folder).iterdir())
    return [MonitoredPicture(name, read_picture(file), data, is_grey_file(file)) for file in files]


# --- throughput -------------------------------------------------------------------------------
def throughput(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the patches per second of each arm, and the ratio to the plain loop's, round by round."""
    found: dict[str, Any] = {}
    print("\npatches per second, batch 128      times the DataLoader     best round by   by the wall   peak MB")
    print("                                   (median, range of rounds)      CPU time         clock")
    for model in ("9-1-5", "9-5-5"):
        rounds = [{arm: _arm(arguments, arm, model) for arm in ARMS} for _ in range(arguments.rounds)]
        # Arms of one round follow each other, so that a clock that drifts moves both.
        ratios = {arm: sorted(r[arm]["cpu"] / r["dataloader"]["cpu"] for r in rounds) for arm in ARMS}
        found[model] = {
            arm: {
                "ratio": statistics.median(ratios[arm]),
                "ratios": ratios[arm],
                **{key: max(r[arm][key] for r in rounds) for key in ("cpu", "wall", "peak")},
            }
            for arm in ARMS
        }
        for arm, values in found[model].items():
            spread = f"{values['ratio']:.2f}x ({ratios[arm][0]:.2f} to {ratios[arm][-1]:.2f})"
            print(f"{model} {arm:20s}{spread:>30s}{values['cpu']:18.0f}{values['wall']:14.0f}{values['peak']:10.0f}")
    return found


def _arm(arguments: argparse.Namespace, arm: str, model: str) -> dict[str, float]:
    """Return what an arm measures in a process of its own."""
    from runner.executors.variables import KEEP_MEMORY

    environment = {k: v for k, v in os.environ.items() if k not in KEEP_MEMORY}
    if arm != "dataloader":
        environment |= KEEP_MEMORY  # as the runner does for its tasks
    command = [sys.executable, __file__, "--data-root", str(arguments.data_root), "--arm", arm]
    command += ["--root", str(arguments.root), "--scale", str(arguments.scale), "--model", model]
    output = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    values: dict[str, float] = json.loads(output.splitlines()[-1])
    return values


def timed(step: Callable[[], int]) -> dict[str, float]:
    """Return the best rates over a few calls of ``step``, which returns how many patches it trained on."""
    import torch

    from jobs.training import peak_memory_mb

    step()
    cpu = wall = 0.0
    for _ in range(4):
        a, b = time.process_time(), time.perf_counter()
        count = step()
        cpu, wall = max(cpu, count / (time.process_time() - a)), max(wall, count / (time.perf_counter() - b))
    return {"cpu": cpu, "wall": wall, "peak": peak_memory_mb(torch.device("cpu"))}


def dataloader_arm(prepare: "Prepare", name: str) -> dict[str, float]:
    """Return the rates of a tutorial's loop: DataLoader over arrays in memory, default layout, three plain layers."""
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    from srcnn.batches import Patches
    from srcnn.dataset import read_planes
    from srcnn.deprocess import Standardisation

    torch.set_num_threads(1)
    first, middle, last = (int(kernel) for kernel in name.split("-"))
    model = nn.Sequential(
        nn.Conv2d(1, 64, first), nn.ReLU(), nn.Conv2d(64, 32, middle), nn.ReLU(), nn.Conv2d(32, 1, last)
    )
    border = first // 2 + middle // 2 + last // 2
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-4)
    planes = read_planes(prepare.root.patches(prepare.name))
    patches = Patches.cut_from(planes, "train", Standardisation(0.0, 1.0), torch.device("cpu"))
    inputs, targets = patches.batch(torch.arange(8192))
    loader = DataLoader(TensorDataset(inputs, targets), batch_size=128, shuffle=True)
    batches = iter(loader)

    def step() -> int:
        count = 0
        for _ in range(5):
            x, y = next(batches)
            loss = nn.functional.mse_loss(model(x), y[..., border:-border, border:-border])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            count += len(x)
        return count

    return timed(step)


def our_arm(prepare: "Prepare", name: str, wanted: Wanted = "auto") -> dict[str, float]:
    """Return the rates of our own epochs, as the train stage runs them."""
    import torch

    from srcnn.batches import Patches
    from srcnn.dataset import read_planes
    from srcnn.deprocess import CENTRE, Standardisation
    from srcnn.experiment import TrainingConfig
    from srcnn.models import MODELS
    from srcnn.models.build import build_model
    from srcnn.precision import precision_for
    from srcnn.training import new_optimiser, train_epoch

    torch.set_num_threads(1)
    config = TrainingConfig(batch_size=128)
    model = build_model(name, residual=True, seed=0).to(memory_format=torch.channels_last)
    optimiser = new_optimiser(model, config)
    planes = read_planes(prepare.root.patches(prepare.name))
    planes = replace(planes, train=planes.train[: 5 * 128])
    tensors = Patches.cut_from(planes, "train", Standardisation(CENTRE, 1.0), torch.device("cpu"))

    precision = precision_for(MODELS[name].learns_in_bfloat16, torch.device("cpu"), wanted)

    def step() -> int:
        train_epoch(model, optimiser, tensors, config, epoch=1, seed=0, precision=precision)
        return len(tensors)

    return timed(step)


ARMS: dict[str, Callable[["Prepare", str], dict[str, float]]] = {
    "dataloader": dataloader_arm,
    "ours, float32": partial(our_arm, wanted="float32"),
    "ours": our_arm,
}

if __name__ == "__main__":
    main()
