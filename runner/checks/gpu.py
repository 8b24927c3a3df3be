"""Whether torch computes on the GPUs that are here."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jobs.gpus import build_text
from runner.checks.circumstances import Circumstances
from runner.checks.finding import Finding
from runner.executors.nvidia import listed_cards
from runner.study.stages import STAGES
from srcnn.words import counted

PROBE_S = 120.0  # torch's first import on a file server, and the driver's first answer
REINSTALL = f"{sys.executable} -m pip uninstall -y torch && {sys.executable} -m pip install torch"
_PROGRAM = """
import json, torch
found = {"version": torch.__version__, "cuda": torch.version.cuda, "devices": [], "error": None}
try:
    if torch.cuda.is_available():
        for i in range(torch.cuda.device_count()):
            properties = torch.cuda.get_device_properties(i)
            found["devices"].append(f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB")
            (torch.ones(8, device=f"cuda:{i}") * 2).sum().item()
    elif torch.version.cuda:
        torch.cuda.init()
except Exception as error:
    found["error"] = " ".join(str(error).split()) or type(error).__name__
print("\\n" + json.dumps(found))
"""


@dataclass(frozen=True)
class Torch:
    """What torch says of itself: its CUDA version (None: built for the CPU), its devices, what went wrong."""

    version: str
    cuda: str | None
    devices: list[str]
    error: str | None


def cuda(asked: Circumstances) -> Iterator[Finding]:
    """Say whether torch computes on the GPUs that this machine or job has by nvidia-smi's word."""
    torch = probe()
    if torch is None:
        yield Finding("note", "torch cannot be imported, so nothing is known of GPUs")
        return
    listed = [card.name for card in listed_cards()[0]]
    yield judge(torch, listed, job_gpus(), os.environ.get("CUDA_VISIBLE_DEVICES"), _asking(asked))


def _asking(asked: Circumstances) -> list[str]:
    """Return the stages of the study that ask for a GPU and would start here."""
    if asked.study is None or not ("SLURM_JOB_ID" in os.environ or asked.study.training.device == "cuda"):
        return []  # a login node needs none, and a machine of one's own goes on on its CPU
    return [stage for stage in STAGES if asked.cluster.stage(stage).gpu_count]


def judge(torch: Torch, listed: list[str], wanted: int, hidden: str | None, asking: Sequence[str] = ()) -> Finding:
    """Compare what torch sees with the GPUs that nvidia-smi lists and those that the job was given.

    ``hidden`` is CUDA_VISIBLE_DEVICES; None where it is not set. ``asking`` are stages that would fail here.
    """
    here = ", ".join(listed) or f"{wanted} of this job"
    if torch.devices and not torch.error:
        if len(torch.devices) < wanted:
            return Finding(
                "WRONG",
                f"the job was given {counted(wanted, 'GPU')}, and torch sees {len(torch.devices)} "
                f"(CUDA_VISIBLE_DEVICES={hidden})",
                "do not set CUDA_VISIBLE_DEVICES in cluster.setup or in a shell's start files",
            )
        return Finding("ok", f"torch {torch.version} computes on {'; '.join(torch.devices)}")
    if not listed and not wanted:
        in_job = "SLURM_JOB_ID" in os.environ
        where = "this job was given none" if in_job else "none here; a login node has none as a rule"
        if asking:
            return Finding(
                "WRONG",
                f"no GPU ({where}), and {' and '.join(asking)} would fail here for want of one; torch {_build(torch)}",
                f"look where the stage will run (srun --gpus=1, --partition), or set cluster.{asking[0]}.gpus=0 or "
                "training.device=cpu to use the CPU",
            )
        return Finding("note", f"no GPU ({where}): training takes the CPU; torch {_build(torch)}")
    if not torch.cuda:
        return Finding("WRONG", f"there are GPUs ({here}), and torch {_build(torch)} cannot use them", REINSTALL)
    if hidden is not None and not torch.devices and hidden.strip() in ("", "-1", "NoDevFiles"):
        return Finding(
            "WRONG" if wanted else "note",
            f"there are GPUs ({here}), hidden by CUDA_VISIBLE_DEVICES={hidden!r}",
            "ask for one: cluster.train.gpus=1, or srun --gpus=1" if not wanted else "unset CUDA_VISIBLE_DEVICES",
        )
    return Finding(
        "WRONG",
        f"there are GPUs ({here}), and torch {_build(torch)} cannot compute on them: {torch.error or 'it sees none'}",
        "install the torch build that suits the driver (nvidia-smi shows the newest CUDA that it allows; "
        f"pytorch.org has the line), after {sys.executable} -m pip uninstall -y torch",
    )


def _build(torch: Torch) -> str:
    return build_text(torch.version, torch.cuda)


def probe() -> Torch | None:
    """Return what torch says in a process of its own; None if it cannot be imported."""
    try:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", _PROGRAM],
            capture_output=True,
            text=True,
            timeout=PROBE_S,
            check=True,
        )
        return Torch(**json.loads(done.stdout.splitlines()[-1]))
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


def job_gpus() -> int:
    """Return how many GPUs SLURM gave to this job on this node, by its own word; 0 outside of a job."""
    if "SLURM_JOB_ID" not in os.environ:
        return 0
    count = os.environ.get("SLURM_GPUS_ON_NODE", "")
    if count.isdigit():
        return int(count)
    return len([index for index in os.environ.get("SLURM_JOB_GPUS", "").split(",") if index])
