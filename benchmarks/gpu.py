"""Training, restoring and scoring on a GPU, each figure beside its alternative in the same run.

``python -m benchmarks.gpu [--data-root FOLDER] [--device cuda|cpu] [--only SECTION ...] [--quick]
[--json FILE]``

Without a GPU it runs smaller on the CPU, where nothing is recorded. Seconds until so many dB need T91, Set5, Set14 and
B100 (--data-root); without them patches are noise, whose training takes as long, and three sections are left out.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.gpu_networks import networks, sharing, some_of
from benchmarks.gpu_scoring import scoring, stage
from benchmarks.written import add_json, require_free, write_figures

if TYPE_CHECKING:
    import torch

    from srcnn.batches import Patches
    from srcnn.history import Precision
    from srcnn.steps import Steps

WANTED_DB = 32.39  # of the authors' 9-1-5 trained on T91: Set5, three times
BATCHES = (16, 128)
PRECISIONS: "tuple[Precision, ...]" = ("float32", "tf32", "bfloat16")
NETWORKS = ("9-1-5", "9-5-5")
OWN_KERNELS = ("9-1-5", "9-1-7")
SECTIONS = ("throughput", "restoring", "training", "networks", "sharing", "scoring")
EXTRA = "stage"  # only where it is asked for: half of its time the commands that it times start
ON_PATCHES, NEED_PICTURES = {"throughput", "training"}, {"training", "networks", "sharing"}


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    p.add_argument("--data-root", type=Path, help="folder that holds t91/ and set5/")
    p.add_argument("--root", type=Path, default=Path("results/benchmarks"), help="where patches are kept")
    p.add_argument("--device", choices=["cuda", "cpu"], help="default: the GPU, if torch sees one")
    p.add_argument("--only", nargs="+", choices=[*SECTIONS, EXTRA], default=SECTIONS, help=f"default: all but {EXTRA}")
    p.add_argument("--quick", action="store_true", help="as on a CPU: few steps, no training to the end")
    add_json(p, "gpu.json")
    return p


def main() -> None:
    """Print the tables and write them as JSON."""
    import torch

    arguments = parser().parse_args()
    require_free(arguments)
    device = torch.device(arguments.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    arguments.quick |= device.type == "cpu"
    if device.type == "cpu":
        torch.set_num_threads(1)  # its threads would wait for one another on a core that others use
    result: dict[str, Any] = about(device)
    print(", ".join(f"{name} {value}" for name, value in result.items()))
    start = time.perf_counter()
    without = (set() if arguments.data_root else NEED_PICTURES) | ({"training"} if arguments.quick else set())
    wanted = set(arguments.only) - without
    patches: Any = training_patches(arguments, device) if ON_PATCHES & wanted else None
    sections: dict[str, Callable[[], list[dict[str, Any]]]] = {
        "throughput": lambda: throughput(patches, arguments.quick),
        "restoring": lambda: restoring(device, arguments.quick),
        "training": lambda: [until_wanted(arguments, patches, *each) for each in TRAININGS],
        "networks": lambda: networks(arguments, device),
        "sharing": lambda: sharing(arguments, device),
        "scoring": lambda: scoring(device, arguments.quick, result["cores"]),
        EXTRA: lambda: stage(device, arguments.quick, result["cores"]),
    }
    for name in sections:
        if name in wanted:
            begun = time.perf_counter()
            result[name] = sections[name]()
            print(f"({name}: {time.perf_counter() - begun:.0f} s)", flush=True)
    result["seconds"] = round(time.perf_counter() - start, 1)
    write_figures(arguments, "gpu", result)
    print(f"\n{result['seconds']} s; written to {arguments.json}")


def about(device: "torch.device") -> dict[str, Any]:
    """Return what the figures were measured on."""
    import torch

    from jobs.device import device_text
    from jobs.job import usable_cores

    name = device_text(device).partition(" (")[0]
    return {"device": name, "cores": usable_cores(), "torch": str(torch.__version__), "cuda": torch.version.cuda}


def training_patches(arguments: argparse.Namespace, device: "torch.device") -> "Patches":
    """Return the patches of the packaged study t91_x3 on the device; without pictures, noise of the same size."""
    from srcnn.batches import Patches
    from srcnn.dataset import read_planes
    from srcnn.deprocess import CENTRE, Standardisation

    scale = Standardisation(CENTRE, 1.0)
    if arguments.data_root is None:
        noise = np.random.default_rng(0).integers(0, 256, (2, 22_000, 33, 33)).astype(np.uint8)
        return Patches.of(noise[0], noise[1], scale, device)
    from runner.study.config import load_study
    from runner.study.plan import make_plan
    from srcnn.paths import RootPaths

    study, _ = load_study("t91_x3", ["data.eval={Set5: set5}"])
    plan = make_plan(study, RootPaths(arguments.root.resolve()), arguments.data_root.resolve())
    job: Any = plan.stage("prepare")[0].job
    if not job.is_done():
        job()
    return Patches.cut_from(read_planes(job.root.patches(job.name)), "train", scale, device)


def network(name: str, device: "torch.device") -> Any:
    """Return a new network on the device, as the train stage makes it."""
    import torch

    from srcnn.models.build import build_model

    model: Any = build_model(name, residual=True, seed=0)
    return model.to(device).to(memory_format=torch.channels_last)


# --- patches per second -------------------------------------------------------------------------
def throughput(patches: "Patches", quick: bool) -> list[dict[str, Any]]:
    """Return patches per second one by one, recorded, and with our own kernels, and how far the weights differ."""
    from srcnn.steps import Steps
    from srcnn.training import new_steps

    print("\ntraining, patches per second; weights after 100 steps")
    print("network  batch  numbers   one by one  recorded         own kernels        apart  to float32")
    rows = []
    for name in NETWORKS[:1] if quick else NETWORKS:
        for batch in BATCHES:
            exact = None
            for precision in PRECISIONS:
                if precision == "tf32" and patches.device.type == "cpu":
                    continue
                few, many = (2, 2) if quick else (100, 25600 // batch + 400)
                alone, first = _rate(Steps, patches, name, batch, precision, few, own=False)
                recorded, _ = _rate(new_steps, patches, name, batch, precision, many, own=False)
                own, second = recorded, first
                if name in OWN_KERNELS and precision != "float32":
                    own, second = _rate(new_steps, patches, name, batch, precision, many, own=True)
                exact = first if exact is None else exact
                row = {"network": name, "batch": batch, "precision": precision}
                row |= {"one_by_one": alone, "recorded": recorded, "own_kernels": own}
                row |= {"apart": _apart(second, first), "to_float32": _apart(second, exact)}
                rows.append(row)
                print(
                    f"{name:7s}{batch:7d}  {precision:9s}{alone:11.0f}{recorded:10.0f} ({recorded / alone:4.1f}x)"
                    f"{own:10.0f} ({own / alone:4.1f}x){row['apart']:10.1e}{row['to_float32']:11.1e}",
                    flush=True,
                )
    return rows


def _rate(
    kind: "Callable[..., Steps]",
    patches: "Patches",
    name: str,
    batch: int,
    precision: "Precision",
    steps: int,
    *,
    own: bool,
) -> tuple[float, Any]:
    """Return patches per second (median of three epochs of so many steps) and the weights after a hundred steps."""
    import torch

    from srcnn.experiment import TrainingConfig
    from srcnn.training import new_optimiser, train_epoch

    device = patches.device

    def epochs(count: int, wanted: int) -> Any:
        config = TrainingConfig(batch_size=batch, epochs=count, warmup_steps=10)
        some = some_of(patches, wanted * batch)
        model = network(name, device)
        model.own_kernels = own
        optimiser = new_optimiser(model, config)
        taken = kind(model, optimiser, some, config, precision)
        seconds = []
        for epoch in range(1, count + 1):
            start = time.perf_counter()
            train_epoch(model, optimiser, some, config, epoch=epoch, seed=0, precision=precision, steps=taken)
            seconds.append(time.perf_counter() - start)
        return model, seconds[1:]

    _, seconds = epochs(4, steps)
    model, _ = epochs(1, min(100, steps))
    weights = torch.cat([value.detach().double().cpu().flatten() for value in model.state_dict().values()])
    return steps * batch / statistics.median(seconds), weights


def _apart(one: Any, other: Any) -> float:
    return float((one - other).abs().max() / other.abs().max())


# --- restoring ----------------------------------------------------------------------------------
def restoring(device: "torch.device", quick: bool) -> list[dict[str, Any]]:
    """Return the milliseconds a picture on the CPU's cores and on the device, and how far apart the pictures are."""
    import torch

    from srcnn.color import to_uint8
    from srcnn.deprocess import CENTRE, Standardisation
    from srcnn.inference import restore_luma

    print("\nrestoring  picture      CPU ms   device ms  ratio   apart, grey levels   pixels that differ")
    scale, rows = Standardisation(CENTRE, 1.0), []
    for name in NETWORKS:
        for height, width in ((321, 481),) if quick else ((321, 481), (1356, 2040)):
            luma = np.random.default_rng(0).integers(0, 256, (height, width)).astype(np.uint8)
            found, ms = [], []
            for where in (torch.device("cpu"), device):
                model = network(name, where).eval()
                restore_luma(model, luma, scale)
                times = []
                for _ in range(2 if quick else 5):
                    start = time.perf_counter()
                    restored = restore_luma(model, luma, scale)
                    times.append(1e3 * (time.perf_counter() - start))
                found.append(restored)
                ms.append(statistics.median(times))
            apart = float(np.abs(found[0] - found[1]).max())
            differ = float(np.mean(to_uint8(found[0]) != to_uint8(found[1])))
            rows.append(
                {"network": name, "height": height, "width": width, "cpu_ms": ms[0], "device_ms": ms[1]}
                | {"ratio": ms[0] / ms[1], "grey_levels": apart, "share_that_differs": differ}
            )
            size, ratio = f"{width}x{height}", ms[0] / ms[1]
            print(f"{name:11s}{size:9s}{ms[0]:10.1f}{ms[1]:12.2f}{ratio:7.1f}{apart:21.1e}{differ:21.1e}", flush=True)
    return rows


# --- seconds of training until a quality -----------------------------------------------------------
# Recorded or one by one, batch, numbers, epochs; the rest is the packaged study t91_x3.
TRAININGS: "tuple[tuple[bool, int, Precision, int], ...]" = (
    (False, 16, "bfloat16", 8),
    (True, 16, "float32", 8),
    (True, 16, "tf32", 8),
    (True, 16, "bfloat16", 8),
    (True, 16, "float32", 16),
    (True, 16, "tf32", 16),
    (True, 16, "bfloat16", 16),
    (True, 128, "bfloat16", 48),
)


def until_wanted(
    arguments: argparse.Namespace, patches: "Patches", recorded: bool, batch: int, precision: "Precision", epochs: int
) -> dict[str, Any]:
    """Return the seconds of training until Set5 reaches WANTED_DB; they count recording, but not scoring."""
    from benchmarks.training import monitored
    from srcnn.experiment import TrainingConfig
    from srcnn.monitor import mean_scores
    from srcnn.steps import Steps
    from srcnn.training import new_optimiser, new_steps, train_epoch

    arguments.scale = 3
    pictures = monitored(arguments, "set5", "Set5")
    config = TrainingConfig(epochs=epochs, batch_size=batch)
    model = network("9-1-5", patches.device)
    model.own_kernels = recorded
    optimiser = new_optimiser(model, config)
    steps = (new_steps if recorded else Steps)(model, optimiser, patches, config, precision)
    seconds, reached, psnr = 0.0, None, 0.0
    for epoch in range(1, epochs + 1):
        start = time.perf_counter()
        train_epoch(model, optimiser, patches, config, epoch=epoch, seed=0, precision=precision, steps=steps)
        seconds += time.perf_counter() - start
        psnr = mean_scores(model, pictures, patches.standardisation)["Set5"]["psnr"]
        if reached is None and psnr >= WANTED_DB:
            reached = seconds
            if not recorded:  # it takes long, and no more is asked of it
                break
    whole = epoch == epochs
    how = "recorded, own kernels" if recorded else "one by one, cuDNN"
    text = "not reached" if reached is None else f"{reached:.2f} s"
    print(
        f"9-1-5 on T91, {how}, batch {batch}, {precision}, {epochs} epochs: {WANTED_DB} dB on Set5 x3 after {text}; "
        f"{psnr:.2f} dB after {seconds:.2f} s",
        flush=True,
    )
    return {
        "recorded": recorded,
        "batch": batch,
        "precision": precision,
        "epochs": epochs,
        "seconds_to_wanted": reached,
        "whole": whole,
        "seconds": seconds,
        "psnr": psnr,
    }


if __name__ == "__main__":
    main()
