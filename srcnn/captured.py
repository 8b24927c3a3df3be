"""Steps that a GPU takes by itself: recorded once (a CUDA graph), then repeated without Python between the kernels.

A step of SRCNN is microseconds of work and half a millisecond of Python. So the steps of AT_ONCE batches are
recorded into one graph, which reads its batches, cut and flipped on the device, and their learning rates from
tensors that stay where they are. The host waits for the GPU at the end of an epoch only.
"""

import gc
import inspect
import logging
import random
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from srcnn.batches import Course
from srcnn.losses.build import Loss
from srcnn.models.network import Network
from srcnn.steps import LOOK_EVERY, Steps, require_finite
from srcnn.words import said

AT_ONCE = 32
PATCHES_AT_ONCE = 4096  # at most, so that large batches take no more memory than their own steps
WARM = 3  # steps before the first recording: libraries choose their kernels in them, the optimiser makes its state

_log = logging.getLogger(__name__)


class CapturedSteps(Steps):
    """The steps of one training on a GPU; if the network cannot be recorded, one by one, and the log says why."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.stream = torch.cuda.Stream(self.device)
        self.taken = 0
        self.graphs: dict[int, _Recorded] = {}
        self.unfit = ""
        self.counts = (max(1, min(AT_ONCE, PATCHES_AT_ONCE // self.config.batch_size)), 1)

    def run(self, course: Course, epoch: int) -> float:
        """Take an epoch's steps, which change the model and the optimiser, and return the sum of its patches' losses.

        Raises TrainingDiverged when they are not finite.
        """
        around = torch.cuda.current_stream(self.device)
        self.stream.wait_stream(around)
        with torch.cuda.stream(self.stream):
            self._run(course, epoch)
        around.wait_stream(self.stream)
        total = float(self.total)
        self._set_rates([course.rates[-1] * factor for factor in self._factors()])  # numbers, as checkpoints hold them
        return total

    def _run(self, course: Course, epoch: int) -> None:
        self.total.zero_()
        look = _Look(self.total)
        rates = torch.tensor([[rate * factor for factor in self._factors()] for rate in course.rates])
        rates = rates.pin_memory().to(self.device, non_blocking=True)
        batches, whole = course.order.split(self.config.batch_size), len(course.order) // self.config.batch_size
        number = 0
        while number < len(batches):
            count = self._recorded(whole - number)
            if count:
                chosen = slice(number, number + count)
                index = course.order[number * self.config.batch_size :][: count * self.config.batch_size]
                index = index.view(count, -1)
                flips = None if course.flips is None else course.flips[chosen]
                self.graphs[count].replay(*self.patches.batch(index, flips), rates[chosen])
            else:
                self._alone(batches[number], None if course.flips is None else course.flips[number], rates[number])
            number += count or 1
            if number // LOOK_EVERY > (number - (count or 1)) // LOOK_EVERY:
                require_finite(look(), "loss", epoch, course.rates[number - 1])

    def _recorded(self, left: int) -> int:
        """Return how many of the whole batches that are left the next graph takes; 0: take one step without a graph."""
        if self.taken < WARM or self.unfit:
            return 0
        count = next((count for count in self.counts if count <= left), 0)
        if count and count not in self.graphs:
            try:
                self.graphs[count] = _Recorded(self, count)
            except Exception as error:  # noqa: BLE001 - whatever a network's code, torch or the driver has against it
                first = error.__context__ or error  # what ended the recording, and not that it ended
                self._give_up(f"cannot be recorded: {said(first).partition(' Search for ')[0]}")
                _end_recording(self.device)
                return 0
        return count

    def _alone(self, index: Tensor, flips: Tensor | None, rates: Tensor) -> None:
        """Take one step without a graph: the first ones, and the short one at the end of an epoch."""
        self._set_rates(list(rates.unbind()))
        batch = self.patches.batch(index, flips)
        self.taken += 1
        if self.taken != WARM:
            self._step(*batch)
            return
        with _watched(self.model, self.loss_of) as reasons:
            self._step(*batch)
        if reasons:
            self._give_up(reasons[0])

    def _give_up(self, why: str) -> None:
        self.unfit = why
        self.graphs.clear()
        _log.warning("each step of the training waits for Python, which is slower: the network or its loss %s", why)


class _Recorded:
    """A graph of ``count`` steps, and the tensors that it reads their batches from."""

    def __init__(self, steps: CapturedSteps, count: int) -> None:
        groups = len(steps.optimiser.param_groups)
        self.inputs, self.targets = (
            torch.zeros(count, steps.config.batch_size, 1, cuts.size, cuts.size, device=steps.device)
            for cuts in (steps.patches.inputs, steps.patches.targets)
        )
        self.rates = torch.zeros(count, groups, device=steps.device)
        self.graph = torch.cuda.CUDAGraph()
        with _capturable(steps.optimiser), _nothing_thrown_away(), torch.cuda.graph(self.graph, stream=steps.stream):
            for inputs, targets, rates in zip(self.inputs, self.targets, self.rates, strict=True):
                steps._set_rates(list(rates.unbind()))
                steps._step(inputs, targets)
        steps.optimiser.zero_grad(set_to_none=True)  # gradients live in the graph, and only there

    def replay(self, inputs: Tensor, targets: Tensor, rates: Tensor) -> None:
        """Take the steps of these batches."""
        self.inputs.copy_(inputs)
        self.targets.copy_(targets)
        self.rates.copy_(rates)
        self.graph.replay()


class _Look:
    """A look at a number on the GPU: its value some time ago, for which nobody waits."""

    def __init__(self, number: Tensor) -> None:
        self.number = number
        self.seen = torch.zeros((), pin_memory=True)
        self.known, self.there = 0.0, torch.cuda.Event()
        self.there.record()

    def __call__(self) -> float:
        if self.there.query():
            self.known = float(self.seen)
            self.seen.copy_(self.number, non_blocking=True)
            self.there.record()
        return self.known


@contextmanager
def _nothing_thrown_away() -> Iterator[None]:
    """Keep Python from freeing cycles within this block: an earlier graph that is freed ends a recording."""
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _end_recording(device: torch.device) -> None:
    """Let random numbers be drawn on the GPU again: after a recording that failed, its generator waits for its end."""
    generator = torch.cuda.default_generators[torch.cuda.current_device() if device.index is None else device.index]
    generator.graphsafe_set_state(generator.clone_state())


@contextmanager
def _capturable(optimiser: torch.optim.Optimizer) -> Iterator[None]:
    """Let a graph record the optimiser within this block; elsewhere it stays as checkpoints of any device hold it."""
    able = [group for group in optimiser.param_groups if "capturable" in group]
    for group in able:
        group["capturable"] = True
    try:
        yield
    finally:
        for group in able:
            group["capturable"] = False


@contextmanager
def _watched(model: Network, loss: Loss) -> Iterator[list[str]]:
    """Give a list that holds, after this block, why a graph must not record it: it would do the same ever after."""
    reasons: list[str] = []
    before = host_state(model, loss)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield reasons
        finally:
            torch.cuda.set_sync_debug_mode("default")
    waits = [str(warning.message) for warning in caught if "synchronizing" in str(warning.message)]
    if any("called a" in wait for wait in waits):
        reasons.append("reads numbers back from the GPU as it computes")
    changed = [name for name, value in host_state(model, loss).items() if before.get(name) != value]
    reasons += [f"changes {name} from step to step" for name in changed]


def host_state(model: Network, loss: Loss | None = None) -> dict[str, Any]:
    """Return what a step can change that a graph cannot: random generators of the host, plain attributes.

    These are those of the network's layers, of the loss, and the variables that a loss holds as a closure.
    """
    state: dict[str, Any] = {
        "the random numbers of Python": random.getstate(),
        "the random numbers of numpy": repr(np.random.get_state()),
        "the random numbers of the CPU": torch.random.get_rng_state().numpy().tobytes(),
    }
    for name, module in model.named_modules():
        state |= _plain(name, vars(module))
    parts = dict(loss.named_modules()) if isinstance(loss, torch.nn.Module) else {"": loss}
    for name, part in parts.items():
        state |= _plain(f"loss.{name}".rstrip("."), getattr(part, "__dict__", {}))
    if inspect.isfunction(loss):
        state |= _plain("loss", inspect.getclosurevars(loss).nonlocals)
    return state


def _plain(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of some named values that are plain numbers or text."""
    plain = {key: value for key, value in values.items() if isinstance(value, bool | int | float | str)}
    return {f"{name}.{key}".lstrip("."): value for key, value in plain.items()}
