"""Training data of many large pictures: the file, the memory and the pace of training, and of reading the pictures.

``python -m benchmarks.planes [--pictures 800] [--size 2040x1356] [--data-root FOLDER] [--json FILE]``

It makes pictures of the bundled photographs (800 take 4 GB), and prepares them for 9-1-5, which is fed the
interpolated picture, and for espcn, which is fed low resolution. Beside each file stands what its patches would take
if each were copied. Memory is what a training process holds for itself, without the pages that the system caches.
The pace is measured on T91 (--data-root) from planes and from copied patches, in turns in one process; without T91 on
the pictures made.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.written import add_json, require_free, write_figures

if TYPE_CHECKING:
    from srcnn.batches import Patches
    from srcnn.dataset import TrainingPlanes

os.environ.setdefault("RUNNER_CPUS", "1")

NETWORKS = {"9-1-5": {}, "espcn": {"data.patch_size": 51, "data.stride": 25}}
STEPS = 300  # of training, after which memory is read
ROUNDS = 5
BATCH = 16
GB, MB = 1e9, 1e6


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    p.add_argument("--pictures", type=int, default=800)
    p.add_argument("--size", default="2040x1356", help="of each: width x height")
    p.add_argument("--folder", type=Path, default=Path("results/benchmarks/large"), help="where the pictures are made")
    p.add_argument("--root", type=Path, default=Path("results/benchmarks"), help="where training data are kept")
    p.add_argument("--data-root", type=Path, help="folder that holds t91/")
    add_json(p, "planes.json")
    p.add_argument("--part", choices=list(PARTS), help=argparse.SUPPRESS)  # a child process, whose memory is its own
    p.add_argument("--network", default="9-1-5", choices=list(NETWORKS), help=argparse.SUPPRESS)
    return p


def main() -> None:
    """Print the figures and write them as JSON."""
    arguments = parser().parse_args()
    if arguments.part:
        print(json.dumps(PARTS[arguments.part](arguments)))
        return
    require_free(arguments)
    make_pictures(arguments)
    result: dict[str, Any] = {"pictures": arguments.pictures, "size": arguments.size, "cores": os.cpu_count()}
    result["reading"] = child(arguments, "reading", "9-1-5")
    rate = result["reading"]
    print(f"read and hashed: {rate['threads']} threads {rate['seconds']:.1f} s, one thread {rate['alone']:.1f} s")
    for name in NETWORKS:
        result[name] = {**child(arguments, "preparing", name), **child(arguments, "training", name)}
        of = result[name]
        print(
            f"{name}: file {of['file'] / GB:.2f} GB (copied patches: {of['copied'] / GB:.2f} GB, "
            f"{of['copied'] / of['file']:.1f} times), prepared in {of['seconds']:.0f} s; {of['patches']:,} patches; "
            f"training holds {of['own_mb']:.0f} MB of its own after {STEPS} steps, {of['grown_mb']:.0f} MB since "
            "the first",
            flush=True,
        )
    for name in NETWORKS:
        pace = result[name]["pace"] = child(arguments, "pace", name)
        print(
            f"{name}, batch {BATCH}, one core, on {pace['on']}: {pace['planes']:.0f} patches/s from planes, "
            f"{pace['copied']:.0f} from copied patches; median of the rounds' ratios {pace['ratio']:.2f}"
        )
    write_figures(arguments, "planes", result)
    print(f"written to {arguments.json}")


def child(arguments: argparse.Namespace, part: str, network: str) -> Any:
    """Return what a part of the benchmark gives in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.planes", *sys.argv[1:], "--part", part, "--network", network]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"{part} of {network} failed")
    return json.loads(done.stdout.splitlines()[-1])


def make_pictures(arguments: argparse.Namespace) -> None:
    """Write pictures of the size, each a part of a bundled photograph, enlarged, turned and with noise of its own."""
    import cv2

    from jobs.pictures import find_files
    from srcnn.files import read_picture
    from srcnn.paths import RootPaths

    photographs = [read_picture(file) for file in find_files("bundled", RootPaths(arguments.root), None)]
    width, height = map(int, arguments.size.split("x"))
    arguments.folder.mkdir(parents=True, exist_ok=True)

    def make(number: int) -> None:
        file = arguments.folder / f"{number:04d}.png"
        if file.exists():
            return
        generator = np.random.default_rng(number)
        photograph = photographs[number % len(photographs)]
        y, x = (int(generator.integers(0, max(1, side // 4))) for side in photograph.shape[:2])
        large = cv2.resize(photograph[y:, x:, ::-1], (width, height), interpolation=cv2.INTER_CUBIC)
        large = large[:: int(generator.choice([-1, 1])), :: int(generator.choice([-1, 1]))].astype(np.int16)
        large += generator.integers(-3, 4, (height, width, 1), np.int16)
        png = cv2.imencode(".png", large.clip(0, 255).astype(np.uint8), [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
        file.write_bytes(png.tobytes())

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        list(threads.map(make, range(arguments.pictures)))


def reading(arguments: argparse.Namespace) -> dict[str, float]:
    """Return the seconds of reading and hashing the pictures, by a thread for each core, and by one."""
    from jobs.pictures import read_set
    from srcnn.paths import RootPaths

    os.environ["RUNNER_CPUS"] = str(os.cpu_count())
    some = [str(arguments.folder / f"{number:04d}.png") for number in range(min(40, arguments.pictures))]
    timed = {}
    for name, cores in (("warm", os.cpu_count()), ("all", os.cpu_count()), ("one", 1)):
        os.environ["RUNNER_CPUS"] = str(cores)
        start = time.perf_counter()
        read_set([str(arguments.folder)] if name == "all" else some, RootPaths(arguments.root), verify=True)
        timed[name] = time.perf_counter() - start
    return {
        "seconds": timed["all"],
        "alone": timed["one"] * arguments.pictures / len(some),
        "threads": float(os.cpu_count() or 1),
    }


def prepared(arguments: argparse.Namespace, source: str, data_root: Path | None) -> Any:
    """Return the prepare stage's job for a network's training data of some pictures."""
    from runner.study.config import load_study
    from runner.study.plan import make_plan
    from srcnn.paths import RootPaths

    overrides = {"data.train": source, "data.eval": "{}", "data.test": "bundled/astronaut", "data.allow_leak": "true"}
    overrides |= {"model.name": arguments.network, **NETWORKS[arguments.network]}
    study, _ = load_study("t91_x3", [f"{key}={value}" for key, value in overrides.items()])
    plan = make_plan(study, RootPaths(arguments.root.resolve()), data_root and data_root.resolve())
    return plan.stage("prepare")[0].job


def preparing(arguments: argparse.Namespace) -> dict[str, float]:
    """Return the size of the file of planes, and what its patches would take one by one, in bytes."""
    from srcnn.dataset import read_planes

    os.environ["RUNNER_CPUS"] = str(os.cpu_count())
    job = prepared(arguments, str(arguments.folder), None)
    start = time.perf_counter()
    job()
    seconds = time.perf_counter() - start
    file = job.root.patches(job.name)
    planes = read_planes(file)
    patches = len(planes.train) + len(planes.holdout)
    side = planes.size * planes.input_scale
    copied = patches * (planes.size**2 + side**2) * planes.inputs.itemsize
    return {"file": file.stat().st_size, "copied": copied, "patches": len(planes.train), "seconds": seconds}


def training(arguments: argparse.Namespace) -> dict[str, float]:
    """Return what a process holds for itself, in MB, after some steps over the whole file, and since the first."""
    from srcnn.dataset import read_planes

    job = prepared(arguments, str(arguments.folder), None)
    planes = read_planes(job.root.patches(job.name))
    pace = rounds(arguments.network, {"planes": _from_planes(planes)})
    next(pace)
    first = own_mb()
    for _ in range(STEPS // 100):
        next(pace)
    return {"own_mb": own_mb(), "grown_mb": own_mb() - first}


def own_mb() -> float:
    """Return the memory that this process holds for itself, in MB: pages of mapped files are not counted."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    return int(lines["RssAnon"].split()[0]) * 1024 / MB


def pace(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return patches per second from planes and from copied patches, in turns; the median of the rounds' ratios."""
    from srcnn.dataset import read_planes

    source = "t91" if arguments.data_root else str(arguments.folder)
    job = prepared(arguments, source, arguments.data_root)
    if not job.is_done():
        job()
    planes = read_planes(job.root.patches(job.name))
    taken = rounds(arguments.network, {"planes": _from_planes(planes), "copied": _copied(planes)})
    found: dict[str, list[float]] = {"planes": [], "copied": []}
    next(taken)
    for _ in range(ROUNDS):
        for name, rate in next(taken).items():
            found[name].append(rate)
    ratios = [one / other for one, other in zip(found["planes"], found["copied"], strict=True)]
    medians = {name: statistics.median(rates) for name, rates in found.items()}
    return {"on": "T91" if arguments.data_root else "the pictures made", **medians, "ratio": statistics.median(ratios)}


def rounds(name: str, sources: "dict[str, Patches]") -> Iterator[dict[str, float]]:
    """Give patches per second of CPU time over 100 steps from each source, again and again."""
    import torch

    from srcnn.batches import Course
    from srcnn.experiment import TrainingConfig
    from srcnn.models import MODELS
    from srcnn.models.build import build_model
    from srcnn.training import new_optimiser, new_steps

    torch.set_num_threads(1)
    config = TrainingConfig(batch_size=BATCH)
    model: Any = build_model(name, residual=True, seed=0).to(memory_format=torch.channels_last)
    optimiser = new_optimiser(model, config)
    part = MODELS[name].cpu_part
    steps = {key: new_steps(model, optimiser, patches, config, "float32", part) for key, patches in sources.items()}
    epoch = 0
    while True:
        rates = {}
        for key, patches in sources.items():
            epoch += 1
            course = Course.of(patches, [1e-4] * 100, augment=True, epoch=epoch, seed=0)
            course = Course(course.order[: 100 * BATCH], course.flips, course.rates)
            start = time.process_time()
            steps[key].run(course, epoch)
            rates[key] = len(course.order) / (time.process_time() - start)
        yield rates


def _from_planes(planes: "TrainingPlanes") -> "Patches":
    import torch

    from srcnn.batches import Patches
    from srcnn.deprocess import CENTRE, Standardisation

    return Patches.cut_from(planes, "train", Standardisation(CENTRE, 1.0), torch.device("cpu"))


def _copied(planes: "TrainingPlanes") -> "Patches":
    """Return the patches each copied into memory, as they were stored before there were planes."""
    import torch

    from srcnn.batches import Patches

    cut = _from_planes(planes)
    index = torch.arange(len(cut)).split(4096)
    inputs, targets = (
        np.concatenate([cuts.take(some)[:, 0].numpy() for some in index]) for cuts in (cut.inputs, cut.targets)
    )
    return Patches.of(inputs, targets, cut.standardisation, torch.device("cpu"))


PARTS = {"reading": reading, "preparing": preparing, "training": training, "pace": pace}

if __name__ == "__main__":
    main()
