"""The device that a task computes on: the GPU that it asked for, or the reason why there is none."""

import os
import socket

import torch

from jobs.attempt import record_device
from jobs.gpus import GPUS_VARIABLE, build_text, nvidia_smi
from srcnn.experiment import Device
from srcnn.words import said

SHOWN = 4  # lines of nvidia-smi


class NoGpu(RuntimeError):
    """A task that asked for a GPU and finds none; the message names the node, torch, and what nvidia-smi says."""


def task_device(wanted: Device = "auto", stage: str = "train", setting: str = "training.device") -> torch.device:
    """Return the device of this task, and record it in the attempt.

    ``auto`` is a GPU if the task asked its runner for one, and the CPU if it asked for none; without
    a runner it is a GPU where torch sees one. Raises NoGpu where a GPU is wanted and torch sees none; it names the
    ``stage``, and the ``setting`` by which a CPU is wanted.
    """
    device = _chosen(wanted, stage, setting)
    record_device(device_text(device))
    return device


def device_text(device: torch.device) -> str:
    """Return a device in words: ``cpu``, or a GPU's name and UUID."""
    if device.type != "cuda":
        return device.type
    properties = torch.cuda.get_device_properties(device)
    uuid = getattr(properties, "uuid", None)  # from torch 2.5 on
    return f"{properties.name} (GPU-{uuid})" if uuid else str(properties.name)


def _chosen(wanted: Device, stage: str, setting: str) -> torch.device:
    asked = os.environ.get(GPUS_VARIABLE)
    if wanted == "cpu" or (wanted == "auto" and asked == "0"):
        return torch.device("cpu")
    if torch.cuda.is_available():
        return torch.device("cuda")
    if wanted == "cuda" or asked:
        raise NoGpu(_why(asked, stage, setting))
    return torch.device("cpu")


def _why(asked: str | None, stage: str, setting: str) -> str:
    version, cuda = str(torch.__version__), torch.version.cuda
    listed, complaint = nvidia_smi("-L")
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    wish = f"{asked} GPU{'s' * (asked != '1')} asked for" if asked and asked != "0" else f"{setting} is cuda"
    remedies = [
        f"Send it where GPUs are (--partition, cluster.{stage}.partition)",
        "install torch's CUDA build" + ("" if cuda else ", which this one is not"),
        f"or say that a CPU is meant: gpus=0 of the stage (cluster.{stage}.gpus=0), or {setting}=cpu",
    ]
    return (
        f"{wish}, and torch sees none on {socket.gethostname()}: torch {build_text(version, cuda)}"
        f"{_cuda_error() if cuda else ''}; nvidia-smi: {'; '.join(listed[:SHOWN]) or complaint}; CUDA_VISIBLE_DEVICES "
        f"{'is not set' if hidden is None else f'is {hidden!r}'}. {', '.join(remedies)}"
    )


def _cuda_error() -> str:
    """Return what a torch that could use GPUs says of its trouble, to stand in a sentence."""
    try:
        torch.cuda.init()
    except (RuntimeError, AssertionError) as error:
        return f", which says {said(error)!r}"
    return ""
