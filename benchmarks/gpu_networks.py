"""Training of the networks that are fed low resolution, and several trainings at once: sections of benchmarks.gpu."""

import argparse
import math
import multiprocessing
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from benchmarks.networks import Begun
    from srcnn.batches import Patches

# dB on Set5, x3, whose seconds are asked for: what benchmarks.networks asks of the same arms on one core.
WANTED_DB = {"espcn": 32.80, "fsrcnn": 33.06, "edsr": 33.20}
SHARED, AT_ONCE, SHARED_S = ("9-1-5", "edsr"), (1, 2, 4, 8), 1.5  # arms, trainings at once, seconds


def some_of(patches: "Patches", count: int) -> "Patches":
    """Return so many patches, from the first on, over again where there are fewer."""
    import torch

    chosen = (torch.arange(count) % len(patches)).to(patches.device)
    inputs, targets = (
        replace(each, starts=each.starts[chosen], widths=each.widths[chosen])
        for each in (patches.inputs, patches.targets)
    )
    return replace(patches, inputs=inputs, targets=targets)


class _Epochs:
    """The epochs of an arm that has begun, on some patches, by one kind of steps."""

    def __init__(self, begun: "Begun", patches: "Patches", kind: Any) -> None:
        from srcnn.training import new_optimiser

        self.begun, self.patches, self.done = begun, patches, 0
        self.optimiser = new_optimiser(begun.model, begun.training)
        self.steps = kind(begun.model, self.optimiser, patches, begun.training, begun.precision)
        self.each = math.ceil(len(patches) / begun.training.batch_size)

    def next(self) -> float:
        """Take an epoch and return its seconds."""
        from srcnn.training import train_epoch

        self.done += 1
        begun, start = self.begun, time.perf_counter()
        train_epoch(
            begun.model,
            self.optimiser,
            self.patches,
            begun.training,
            epoch=self.done,
            seed=0,
            precision=begun.precision,
            steps=self.steps,
        )
        return time.perf_counter() - start


def networks(arguments: argparse.Namespace, device: "torch.device") -> list[dict[str, Any]]:
    """Return steps per second one by one and recorded, and the dB that each arm reaches recorded, and when."""
    from benchmarks.networks import ARMS, begin, monitored, scored, standardised
    from srcnn.monitor import mean_scores
    from srcnn.steps import Steps
    from srcnn.training import new_steps

    arguments.scale, arguments.shorter = 3, 100 if arguments.quick else 1
    pictures, scale = {name: monitored(arguments, name) for name in ("Set5", "Set14", "B100")}, standardised()
    rows = []
    print("\nnetworks fed low resolution, T91, x3: steps a second, one by one and recorded; seconds of training until")
    print("so many dB on Set5, recording counted; dB at the end (of the self-ensemble)")
    for name, wanted in WANTED_DB.items():
        begun = begin(arguments, ARMS[name], device)
        alone = _Epochs(
            begun, some_of(begun.patches, begun.training.batch_size * (2 if arguments.quick else 100)), Steps
        )
        alone.next()
        one_by_one = alone.each / alone.next()

        begun = begin(arguments, ARMS[name], device)
        training = _Epochs(begun, begun.patches, new_steps)
        seconds, reached = [], None
        for _ in range(begun.training.epochs):
            seconds.append(training.next())
            if reached is None and mean_scores(begun.model, pictures["Set5"], scale)["Set5"]["psnr"] >= wanted:
                reached = sum(seconds)
        recorded = training.each / min(seconds)
        last = scored(begun.model, pictures, scale)
        row = {"arm": name, "network": ARMS[name].network, "precision": begun.precision, "epochs": len(seconds)}
        row |= {"one_by_one": one_by_one, "recorded": recorded, "ratio": recorded / one_by_one, "wanted": wanted}
        row |= {"seconds_to_wanted": reached, "seconds": sum(seconds), "last": last}
        rows.append(row)
        text = "not reached" if reached is None else f"after {reached:.2f} s"
        figures = "  ".join(f"{key} {of['psnr']:.2f} ({of['ensemble_psnr']:.2f})" for key, of in last.items())
        print(
            f"{name:8s}{begun.precision:10s}{one_by_one:6.0f}{recorded:8.0f} ({row['ratio']:.1f}x); {wanted:.2f} dB "
            f"{text}; after {row['seconds']:.2f} s {figures}",
            flush=True,
        )
    return rows


# --- several trainings on one device ------------------------------------------------------------
def sharing(arguments: argparse.Namespace, device: "torch.device") -> list[dict[str, Any]]:
    """Return the steps per second, all together, of one and of more trainings at once, each a process."""
    import torch

    from benchmarks.networks import ARMS, begin

    print("\ntrainings that share the device, a process each: steps a second of all together")
    arguments.scale, arguments.shorter = 3, 1
    counts = AT_ONCE[:2] if arguments.quick else AT_ONCE
    context = multiprocessing.get_context("spawn")
    rows = []
    for name in SHARED:
        begin(arguments, ARMS[name], torch.device("cpu"))  # cuts the patches
        barrier, answers = context.Barrier(max(counts)), context.SimpleQueue()
        processes = [
            context.Process(target=_share, args=(arguments, str(device), name, number, counts, barrier, answers))
            for number in range(max(counts))
        ]
        for process in processes:
            process.start()
        together = dict.fromkeys(counts, 0.0)
        for _ in range(sum(counts)):
            at_once, rate = answers.get()
            together[at_once] += rate
        for process in processes:
            process.join()
        rows.append({"arm": name, "steps_per_s": together})
        figures = (f"{count}: {rate:.0f} ({rate / together[1]:.1f}x)" for count, rate in together.items())
        print(f"{name:8s}{', '.join(figures)}", flush=True)
    return rows


def _share(
    arguments: argparse.Namespace,
    device: str,
    name: str,
    number: int,
    counts: tuple[int, ...],
    barrier: Any,
    answers: Any,
) -> None:
    """Train beside so many others at once, as this one's number is below it, and answer with the steps per second."""
    import torch

    from benchmarks.networks import ARMS, begin
    from srcnn.training import new_steps

    torch.set_num_threads(1)
    try:
        begun = begin(arguments, ARMS[name], torch.device(device))
        few = begun.training.batch_size * (2 if arguments.quick else 128)
        training = _Epochs(begun, some_of(begun.patches, few), new_steps)
        training.next()  # recorded
        for count in counts:
            barrier.wait()
            if number < count:
                taken, start = 0, time.perf_counter()
                while (seconds := time.perf_counter() - start) < SHARED_S:
                    training.next()
                    taken += training.each
                answers.put((count, taken / seconds))
    except BaseException:
        barrier.abort()
        answers.put((counts[0], math.nan))
        raise
