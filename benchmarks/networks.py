"""Networks: dB against seconds of training on one core, each network beside 9-1-5, in one run.

``python -m benchmarks.networks --data-root FOLDER [--scale 3] [--arms espcn edsr ...] [--json FILE]``

Every arm is what the train stage does, on T91: its epochs, its batches, its schedule. The clock is the process's CPU
time, so that a busy machine does not decide; scoring is not counted. Figures are luma PSNR, with borders of ``scale``
pixels shaved: Set5 and Set14 on the way, B100 at the end; beside each that of the network's self-ensemble.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.written import add_json, require_free, write_figures

os.environ.setdefault("RUNNER_CPUS", "1")

MARKS = (10, 30, 60, 120, 240, 480, 900, 1800)
SETS = {"Set5": "set5", "Set14": "set14", "B100": "bsds500/val"}

# dB as published, x3: ESPCN (doi:10.1109/CVPR.2016.207), FSRCNN (doi:10.1007/978-3-319-46475-6_25), both on T91; VDSR
# (doi:10.1109/CVPR.2016.182) on 291 pictures; SRCNN 9-1-5 (doi:10.1109/TPAMI.2015.2439281) on T91.
PUBLISHED = {
    "9-1-5": {"Set5": 32.39, "Set14": 29.00, "B100": 28.21},
    "espcn": {"Set5": 32.55, "Set14": 29.08},
    "fsrcnn": {"Set5": 33.06},
    "vdsr": {"Set5": 33.66, "Set14": 29.77, "B100": 28.82},
}


@dataclass(frozen=True)
class Arm:
    """A network, its epochs at x3, and the settings that a study would give it."""

    network: str
    epochs: int
    settings: dict[str, Any] = field(default_factory=dict)


# A network that is fed low resolution learns from patches of LOW_SIDE pixels of it, half a patch apart.
LOW_SIDE = 17
LOW = {"training.optimiser": "muon"}
PAIRED = {**LOW, "training.batch_size": 32, "training.learning_rate": 3e-3}
ARMS = {
    "9-1-5": Arm("9-1-5", 5),
    "espcn": Arm("espcn", 28, PAIRED),
    "fsrcnn": Arm("fsrcnn", 40, LOW),
    "edsr": Arm("edsr", 25, {**LOW, "model.blocks": 4, "model.channels": 32, "training.loss": "l1"}),
    "best": Arm("edsr", 30, {**LOW, "model.blocks": 8, "model.channels": 32, "training.loss": "l1"}),  # t91_x3_edsr
}


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    p.add_argument("--data-root", type=Path, required=True, help="folder that holds t91/, set5/, set14/ and bsds500/")
    p.add_argument("--root", type=Path, default=Path("results/benchmarks"), help="where training data are kept")
    p.add_argument("--scale", type=int, default=3, choices=(2, 3, 4))
    p.add_argument("--arms", nargs="*", default=[name for name in ARMS if name != "best"], choices=list(ARMS))
    p.add_argument("--at-once", type=int, default=1, help="arms that train at once, a core each")
    p.add_argument("--shorter", type=float, default=1.0, help="divide the epochs of every arm by this")
    add_json(p, "networks.json")
    p.add_argument("--arm", help=argparse.SUPPRESS)  # a child process trains one
    return p


def main() -> None:
    """Print the table and write it as JSON."""
    arguments = parser().parse_args()
    if arguments.arm:
        print(json.dumps(train(arguments, ARMS[arguments.arm])))
        return
    require_free(arguments)
    print(
        f"x{arguments.scale}, one core of {os.cpu_count()} each, load {os.getloadavg()[0]:.1f} at the start", flush=True
    )
    waiting, running = list(arguments.arms), {}
    found: dict[str, Any] = {}
    while waiting or running:
        while waiting and len(running) < arguments.at_once:
            name = waiting.pop(0)
            command = [sys.executable, "-m", "benchmarks.networks", *sys.argv[1:], "--arm", name]
            running[name] = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        for name, process in list(running.items()):
            if process.poll() is not None:
                out = process.communicate()[0]
                if process.returncode:
                    raise SystemExit(f"arm {name} failed")
                found[name] = json.loads(out.splitlines()[-1])
                show(name, found[name], arguments.scale)
                del running[name]
        time.sleep(0.2)
    write_figures(arguments, "networks", {"scale": arguments.scale, "cores": os.cpu_count(), "arms": found})
    print(f"written to {arguments.json}")


@dataclass(frozen=True)
class Begun:
    """An arm before its first epoch."""

    settings: dict[str, Any]
    model: Any
    patches: Any
    training: Any  # the section of the study
    precision: Any
    cpu_part: int | None


def begin(arguments: argparse.Namespace, arm: Arm, device: Any) -> Begun:
    """Return an arm on the device, as the train stage would begin it."""
    import torch

    from runner.study.config import load_study
    from runner.study.plan import make_plan
    from srcnn.batches import Patches
    from srcnn.dataset import read_planes
    from srcnn.models.build import build_model
    from srcnn.paths import RootPaths
    from srcnn.precision import precision_for

    settings = {"model.name": arm.network, **arm.settings}
    epochs = arm.epochs / arguments.shorter
    if arm.settings:  # it is fed low resolution, of which there is less where the scale is larger
        side = LOW_SIDE * arguments.scale
        settings |= {"data.patch_size": side, "data.stride": side // 2}
        epochs *= (arguments.scale / 3) ** 2
    overrides = [f"{key}={value}" for key, value in settings.items()]
    study, _ = load_study(f"t91_x{arguments.scale}", overrides)
    plan = make_plan(study, RootPaths(arguments.root.resolve()), arguments.data_root.resolve())
    job: Any = plan.stage("prepare")[0].job
    if not job.is_done():
        job()
    patches = Patches.cut_from(read_planes(job.root.patches(job.name)), "train", standardised(), device)
    config, spec = study.model, study.model.spec
    assert spec is not None
    model = build_model(
        config.name, residual=config.residual, seed=0, settings=config.settings, scale=arguments.scale
    ).to(device)
    training = study.training.model_copy(update={"epochs": max(1, round(epochs))})
    precision = precision_for(spec.learns_in_bfloat16, device, "auto")
    return Begun(settings, model.to(memory_format=torch.channels_last), patches, training, precision, spec.cpu_part)


def standardised() -> Any:
    """Return how the packaged studies standardise."""
    from srcnn.deprocess import CENTRE, Standardisation

    return Standardisation(CENTRE, 1.0)


def train(arguments: argparse.Namespace, arm: Arm) -> dict[str, Any]:
    """Return what an arm reached, and after how many seconds of CPU time."""
    import torch

    from srcnn.training import new_optimiser, new_steps, train_epoch

    torch.set_num_threads(1)
    begun = begin(arguments, arm, torch.device("cpu"))
    model, patches, training, precision = begun.model, begun.patches, begun.training, begun.precision
    optimiser = new_optimiser(model, training)
    steps = new_steps(model, optimiser, patches, training, precision, begun.cpu_part)
    pictures, scale = {name: monitored(arguments, name) for name in ("Set5", "Set14")}, standardised()
    marks, spent, curve = list(MARKS), 0.0, []
    for number in range(1, training.epochs + 1):
        start = time.process_time()
        train_epoch(model, optimiser, patches, training, epoch=number, seed=0, precision=precision, steps=steps)
        spent += time.process_time() - start
        if number == training.epochs or (marks and spent >= marks[0]):
            marks = [mark for mark in marks if mark > spent]
            curve.append({"seconds": round(spent, 1), **scored(model, pictures, scale)})
    last = scored(model, {"B100": monitored(arguments, "B100")}, scale)
    weights = sum(parameter.numel() for parameter in model.parameters())
    return {
        "network": arm.network,
        "settings": begun.settings,
        "weights": weights,
        "precision": precision,
        "epochs": training.epochs,
        "patches": len(patches),
        "curve": curve,
        "last": last,
    }


def scored(model: Any, pictures: dict[str, Any], scale: Any) -> dict[str, dict[str, float]]:
    """Return the network's scores by set; ``ensemble_psnr`` is that of its self-ensemble."""
    from srcnn.models.ensemble import SelfEnsemble
    from srcnn.monitor import mean_scores

    found = {}
    for name, of_set in pictures.items():
        ensemble = mean_scores(SelfEnsemble(model).eval(), of_set, scale)[name]
        found[name] = mean_scores(model, of_set, scale)[name] | {"ensemble_psnr": ensemble["psnr"]}
    return found


def monitored(arguments: argparse.Namespace, name: str) -> Any:
    """Return a set's pictures, degraded."""
    from srcnn.experiment import DataConfig
    from srcnn.files import is_grey_file, read_picture
    from srcnn.monitor import MonitoredPicture

    data = DataConfig(train=("t91",), scale=arguments.scale, crop_to_scale=True)
    files = sorted((arguments.data_root / SETS[name]).iterdir())
    return [MonitoredPicture(name, read_picture(file), data, is_grey_file(file)) for file in files]


def show(name: str, arm: dict[str, Any], scale: int) -> None:
    """Print an arm's figures."""
    print(
        f"\n{name}: {arm['network']}, {arm['weights']:,} weights, {arm['precision']}, {arm['epochs']} epochs of "
        f"{arm['patches']:,} patches"
    )
    for mark in arm["curve"]:
        print(f"  {mark['seconds']:7.1f} s CPU  {_pairs(mark)}")
    last = {**arm["curve"][-1], **arm["last"]}
    bicubic = ", ".join(f"{key} {last[key]['bicubic_psnr']:.2f}" for key in SETS)
    print(f"  at the end {_pairs(arm['last'])}; bicubic: {bicubic}")
    if scale == 3 and arm["network"] in PUBLISHED:
        published = PUBLISHED[arm["network"]].items()
        print("  published: " + ", ".join(f"{key} {value:.2f}" for key, value in published), flush=True)


def _pairs(scores: dict[str, Any]) -> str:
    sets = [(name, scores[name]) for name in SETS if name in scores]
    return "  ".join(f"{name} {of['psnr']:.2f} (self-ensemble {of['ensemble_psnr']:.2f})" for name, of in sets)


if __name__ == "__main__":
    main()
