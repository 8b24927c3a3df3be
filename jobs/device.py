"""The device that a task computes on: the GPU that it asked for, or a word why there is none."""

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from srcnn.door import sentence
from srcnn.words import said

if TYPE_CHECKING:
    import torch

    from srcnn.experiment import Device

GPUS_VARIABLE = "RUNNER_GPUS"  # how many a task asked for; the runner sets it
SHOWN = 4  # lines of nvidia-smi
ANSWER_S = 60.0  # of nvidia-smi, which is slow where a driver is ill


_tell: ContextVar[Callable[[str], None]] = ContextVar("_tell", default=lambda device: None)


class NoGpu(RuntimeError):
    """A task that asked for a GPU finds none: which node, which torch, what nvidia-smi says."""


@contextmanager
def telling(tell: Callable[[str], None]) -> Iterator[None]:
    """In this block ``tell`` hears which device a task takes."""
    token = _tell.set(tell)
    try:
        yield
    finally:
        _tell.reset(token)


def task_device(wanted: "Device" = "auto") -> "torch.device":
    """The device of this task, which the record of the attempt then names.

    ``auto`` is a GPU if the task asked its runner for one, and the CPU if it asked for none; without
    a runner it is a GPU where torch sees one. Raises NoGpu where a GPU is wanted and torch sees none.
    """
    device = _found(wanted)
    _tell.get()(device_text(device))
    return device


def device_text(device: "torch.device") -> str:
    """A device in words: ``cpu``, or a GPU's name and UUID."""
    import torch

    if device.type != "cuda":
        return device.type
    properties = torch.cuda.get_device_properties(device)
    uuid = getattr(properties, "uuid", None)  # from torch 2.5 on
    return f"{properties.name} (GPU-{uuid})" if uuid else str(properties.name)


def _found(wanted: "Device") -> "torch.device":
    import torch

    asked = os.environ.get(GPUS_VARIABLE)
    if wanted == "cpu" or (wanted == "auto" and asked == "0"):
        return torch.device("cpu")
    if torch.cuda.is_available():
        return torch.device("cuda")
    if wanted == "cuda" or asked:
        raise NoGpu(_why(asked))
    return torch.device("cpu")


def _why(asked: str | None) -> str:
    import torch

    version, cuda = str(torch.__version__), torch.version.cuda
    listed, complaint = nvidia_smi("-L")
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    wish = f"{asked} GPU{'s' * (asked != '1')} asked for" if asked and asked != "0" else "training.device is cuda"
    remedies = [
        "Send it where GPUs are (--partition, cluster.train.partition)",
        "install torch's CUDA build" + ("" if cuda else ", which this one is not"),
        "or say that a CPU is meant: gpus=0 of the stage (cluster.train.gpus=0), or training.device=cpu",
    ]
    return (
        f"{wish}, and torch sees none on {socket.gethostname()}: torch {build_text(version, cuda)}"
        f"{_cuda_error() if cuda else ''}; nvidia-smi: {'; '.join(listed[:SHOWN]) or complaint}; CUDA_VISIBLE_DEVICES "
        f"{'is not set' if hidden is None else f'is {hidden!r}'}. {', '.join(remedies)}"
    )


def _cuda_error() -> str:
    """What a torch that could use GPUs says of its trouble."""
    import torch

    try:
        torch.cuda.init()
    except (RuntimeError, AssertionError) as error:
        return f", which says {said(error)!r}"
    return ""


def build_text(version: str, cuda: str | None) -> str:
    """A torch's version, and the CUDA that it was built for."""
    return f"{version} (built for {f'CUDA {cuda}' if cuda else 'the CPU only'})"


def nvidia_smi(*arguments: str) -> tuple[list[str], str]:
    """The lines that nvidia-smi prints; if it fails, none, and its complaint."""
    try:
        done = subprocess.run(
            ["nvidia-smi", *arguments], capture_output=True, text=True, errors="replace", timeout=ANSWER_S
        )
    except FileNotFoundError:
        return [], "it is not installed here"
    except (OSError, subprocess.SubprocessError) as error:
        return [], sentence(error)
    lines = [line.rstrip() for line in done.stdout.splitlines() if line.strip()]
    if done.returncode:
        words = " ".join(f"{done.stdout} {done.stderr}".split())
        return [], words or f"nothing, with exit status {done.returncode}"
    return lines, "" if lines else "nothing"
