"""Scoring on a device, from picture files to values, beside the CPU kernels on all cores: a section of benchmarks.gpu.

Each reference has six estimates: 35 references of bundled photographs and their estimates are written once and read as
often as there are comparisons, so reading them is decoding and no waiting for a disk.
"""

import multiprocessing
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from srcnn.metrics import Reference, warm_up

if TYPE_CHECKING:
    import torch

SIZES = ((160, 160), (321, 481))
ESTIMATES = 6  # of each reference
COMPARISONS, ON_CPU = 4200, 1008
QUICK, QUICK_ON_CPU = 6, 6
REFERENCES = 35  # that are written


@dataclass(frozen=True)
class Group:
    """The files of one reference and its estimates."""

    reference: Path
    estimates: tuple[Path, ...]


def scoring(device: "torch.device", quick: bool, cores: int) -> list[dict[str, Any]]:
    """Return, for each size, the seconds of scoring on the device and of its parts, and the CPU's rate."""
    print("\nscoring by nine metrics, RGB, from PNG files; seconds")
    rows = []
    with TemporaryDirectory() as folder, _processes(cores) as pool:
        compiled = pool.submit(warm_up, ["paper"])  # once, before every process would
        for height, width in SIZES:
            written = _write(Path(folder), height, width, 2 if quick else REFERENCES, cores)
            groups = [written[k % len(written)] for k in range((QUICK if quick else COMPARISONS) // ESTIMATES)]
            compiled.result()
            row = {"height": height, "width": width, "comparisons": len(groups) * ESTIMATES}
            values, seconds = _on_device(groups, device, cores)
            row |= seconds | _parts(groups, device, cores)
            some = groups[: (QUICK_ON_CPU if quick else ON_CPU) // ESTIMATES]
            expected, cpu_s = _on_cpu(some, pool, cores)
            row["device_per_s"] = row["comparisons"] / row["seconds"]
            row["cpu_per_s"] = len(expected) / cpu_s
            row["ratio"] = row["device_per_s"] / row["cpu_per_s"]
            row["apart"] = _apart(values[: len(expected)], expected)
            rows.append(row)
            _show(row, cores)
    return rows


def _show(row: dict[str, Any], cores: int) -> None:
    print(
        f"{row['comparisons']} of {row['width']}x{row['height']}: {row['seconds']:.2f} s, "
        f"{row['device_per_s']:.0f} a second; CPU kernels on {cores} cores {row['cpu_per_s']:.0f} a second: "
        f"{row['ratio']:.1f}x; {row['memory_gb']:.1f} GB of the device at most, {row['at_once']} pairs at once"
    )
    decoding, metrics = (
        ", ".join(f"{name} {seconds:.2f}" for name, seconds in row[part].items())
        for part in ("decoding_s", "metrics_s")
    )
    print(f"   alone: decoding by {decoding}; copying {row['copying_s']:.2f}; {metrics}")
    apart = ", ".join(f"{name} {apart:.0e}" for name, apart in row["apart"].items())
    print(f"   farthest from the kernels, relatively: {apart}", flush=True)


# --- the command --------------------------------------------------------------------------------
def stage(device: "torch.device", quick: bool, cores: int) -> list[dict[str, Any]]:
    """Return the seconds of ``jobs.evaluate``, its start counted, by torch and by the CPU kernels, for each size."""
    print("\npython -m jobs.evaluate, nine metrics, RGB, from PNG files to Parquet; seconds with its start")
    backends = {"torch": QUICK if quick else COMPARISONS, "cpu": QUICK_ON_CPU if quick else ON_CPU}
    hidden = {"CUDA_VISIBLE_DEVICES": ""} if device.type == "cpu" else {}
    rows = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        for height, width in SIZES:
            written = _write(folder, height, width, 2 if quick else REFERENCES, cores)
            row: dict[str, Any] = {"height": height, "width": width}
            for backend, comparisons in backends.items():
                sides = [folder / f"{side}_{backend}_{height}" for side in ("reference", "estimate")]
                for side in sides:
                    side.mkdir()
                for number in range(comparisons):
                    group = written[number // ESTIMATES % len(written)]
                    for side, file in zip(sides, (group.reference, group.estimates[number % ESTIMATES]), strict=True):
                        os.link(file, side / f"{number}.png")
                command = [sys.executable, "-m", "jobs.evaluate", "--reference", str(sides[0]), "--estimate"]
                command += [str(sides[1]), "--out", str(folder / f"scores_{backend}_{height}"), "--backend", backend]
                start = time.perf_counter()
                subprocess.run(command, env={**os.environ, **hidden}, check=True, stdout=subprocess.DEVNULL)
                row[backend] = {"comparisons": comparisons, "seconds": time.perf_counter() - start}
            rows.append(row)
            figures = (f"{key} {row[key]['comparisons']} in {row[key]['seconds']:.2f} s" for key in backends)
            print(f"{width}x{height}: {', '.join(figures)} on {cores} cores", flush=True)
    return rows


# --- the pictures -------------------------------------------------------------------------------
def _write(folder: Path, height: int, width: int, references: int, threads: int) -> list[Group]:
    """Write references, cut from bundled photographs at random places, and estimates from good to bad."""
    from PIL import Image
    from skimage import data

    photographs = [data.astronaut(), data.coffee(), data.rocket()]

    def write(number: int) -> Group:
        rng = np.random.default_rng(number)
        photograph = photographs[number % 3]
        top, left = (rng.integers(0, photograph.shape[k] - (height, width)[k] + 1) for k in (0, 1))
        reference = Image.fromarray(np.ascontiguousarray(photograph[top : top + height, left : left + width]))
        files = [folder / f"{height}_{number}_{k}.png" for k in range(ESTIMATES + 1)]
        reference.save(files[0])
        for k, file in enumerate(files[1:], 1):
            small = reference.resize((max(1, width // (1 + k)), max(1, height // (1 + k))), Image.Resampling.BICUBIC)
            estimate = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))
            noise = rng.normal(0, k, estimate.shape)
            Image.fromarray(np.clip(np.rint(estimate + noise), 0, 255).astype(np.uint8)).save(file)
        return Group(files[0], tuple(files[1:]))

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(write, range(references)))


Reader = Callable[[Path, np.ndarray], None]


def by_opencv(file: Path, into: np.ndarray) -> None:
    """Read a picture that is known to be an RGB PNG of 8 bits: other threads run meanwhile."""
    import cv2

    cv2.cvtColor(cv2.imdecode(np.fromfile(file, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB, dst=into)


def by_pillow(file: Path, into: np.ndarray) -> None:
    """Read a picture as the stages do, with every check: other threads run only while it is unpacked."""
    from srcnn.files import read_picture

    into[...] = read_picture(file)


READERS: dict[str, Reader] = {"opencv": by_opencv, "pillow": by_pillow}


class _Batches:
    """Batches of groups, decoded by threads into memory that the device copies from while others are decoded."""

    def __init__(self, groups: list[Group], at_once: int, pool: ThreadPoolExecutor, pinned: bool, read: Reader) -> None:
        self._parts = [groups[k : k + at_once] for k in range(0, len(groups), at_once)]
        self._pool, self._pinned, self._read = pool, pinned, read

    def __iter__(self) -> "Iterator[tuple[torch.Tensor, torch.Tensor]]":
        ahead = 3
        begun = [self._begin(part) for part in self._parts[:ahead]]
        for number in range(len(self._parts)):
            references, estimates, reads = begun.pop(0)
            for read in reads:
                read.result()
            if number + ahead < len(self._parts):
                begun.append(self._begin(self._parts[number + ahead]))
            yield references, estimates

    def _begin(self, part: list[Group]) -> "tuple[torch.Tensor, torch.Tensor, list[Future[None]]]":
        import torch

        shape = _shape(part)
        references = torch.empty((len(part), *shape), dtype=torch.uint8, pin_memory=self._pinned)
        estimates = torch.empty((len(part) * ESTIMATES, *shape), dtype=torch.uint8, pin_memory=self._pinned)

        files = [group.reference for group in part] + [file for group in part for file in group.estimates]
        places = [*references.numpy(), *estimates.numpy()]
        return references, estimates, [self._pool.submit(self._read, *each) for each in zip(files, places, strict=True)]


def _of(references: int) -> list[int]:
    return [number for number in range(references) for _ in range(ESTIMATES)]


# --- on the device ------------------------------------------------------------------------------
def _on_device(groups: list[Group], device: "torch.device", cores: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the values of every comparison, and the seconds from files to values."""
    import torch

    from srcnn.metrics.batched import at_once, score, values

    cuda = device.type == "cuda"
    shape = _shape(groups)
    pairs = at_once(*shape)

    def run(some: list[Group]) -> list[dict[str, Any]]:
        scores = []
        for references, estimates in _Batches(some, max(1, pairs // ESTIMATES), pool, cuda, by_opencv):
            there = (each.to(device, non_blocking=True) for each in (references, estimates))
            scores.append(score(*there, of=_of(len(references))))
        return values({name: torch.cat([each[name] for each in scores]) for name in scores[0]})

    with ThreadPoolExecutor(cores) as pool:
        start = time.perf_counter()
        run(groups[: pairs // ESTIMATES or 1])  # plans of transforms, weights, libraries
        first_s = time.perf_counter() - start
        if cuda:
            torch.cuda.reset_peak_memory_stats(device)
        start = time.perf_counter()
        found = run(groups)
        seconds = time.perf_counter() - start
    memory_gb = torch.cuda.max_memory_allocated(device) / 1e9 if cuda else 0.0
    return found, {"seconds": seconds, "first_s": first_s, "memory_gb": memory_gb, "at_once": pairs}


def _parts(groups: list[Group], device: "torch.device", cores: int) -> dict[str, Any]:
    """Return the seconds that all groups would take in each part alone: decoding, copying, and each metric."""
    import torch

    from srcnn.metrics.batched import BATCHED, Pairs, Pictures, at_once

    cuda = device.type == "cuda"
    together = max(1, at_once(*_shape(groups)) // ESTIMATES)
    with ThreadPoolExecutor(cores) as pool:
        decoding = {}
        for name, read in READERS.items():
            start = time.perf_counter()
            for _ in _Batches(groups, together, pool, cuda, read):
                pass
            decoding[name] = time.perf_counter() - start
        batch = next(iter(_Batches(groups[:together], together, pool, cuda, by_opencv)))
    times = len(groups) / len(batch[0])

    def finished() -> float:
        if cuda:
            torch.cuda.synchronize(device)
        return time.perf_counter()

    copying, metrics = [], {name: [] for name in BATCHED}
    for _ in range(3 if cuda else 1):
        start = finished()
        there = [each.to(device, non_blocking=True) for each in batch]
        copying.append(finished() - start)
        pairs = Pairs(*map(Pictures, there), _of(len(there[0])))
        for name, metric in BATCHED.items():  # what they share is counted where it is computed first
            start = finished()
            pairs.feature(metric)
            metrics[name].append(finished() - start)
    return {
        "decoding_s": decoding,
        "copying_s": times * statistics.median(copying),
        "metrics_s": {name: times * statistics.median(seconds) for name, seconds in metrics.items()},
    }


def _shape(groups: list[Group]) -> tuple[int, int, int]:
    from srcnn.files import read_picture

    height, width, bands = read_picture(groups[0].reference).shape
    return height, width, bands


# --- the CPU kernels ----------------------------------------------------------------------------
@contextmanager
def _processes(cores: int) -> Iterator[ProcessPoolExecutor]:
    """Give as many processes as there are cores, each of one thread."""
    threads = {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")}
    os.environ.update(dict.fromkeys(threads, "1"))
    try:
        with ProcessPoolExecutor(cores, multiprocessing.get_context("spawn")) as pool:
            yield pool
    finally:
        for name, value in threads.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def _on_cpu(groups: list[Group], pool: ProcessPoolExecutor, cores: int) -> tuple[list[dict[str, Any]], float]:
    """Return the values of every comparison by the kernels, on all cores, and the seconds from files to values."""
    for _ in pool.map(_score_group, [groups[0]] * 4 * cores):
        pass  # every process has begun and loaded what it needs
    start = time.perf_counter()
    found = [values for group in pool.map(_score_group, groups) for values in group]
    return found, time.perf_counter() - start


def _score_group(group: Group) -> list[dict[str, float | None]]:
    from srcnn.files import read_picture

    reference = Reference(read_picture(group.reference))
    return [reference.score(read_picture(file)) for file in group.estimates]


def _apart(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> dict[str, float]:
    """Return how far each metric's values are apart at most, relative to them."""
    return {
        name: max(
            abs(a[name] - b[name]) / abs(b[name]) if a[name] != b[name] else 0.0
            for a, b in zip(found, expected, strict=True)
        )
        for name in found[0]
    }
