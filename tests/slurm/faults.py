"""What befalls tasks beyond what befalls nodes: the nodes are all this machine, so that their processes are at hand."""

import os
import signal
from pathlib import Path
from typing import Any

from .cluster import Cluster


def kill(record: dict[str, Any]) -> None:
    """Kill the process of an attempt as kill -9 does."""
    os.kill(record["pid"], signal.SIGKILL)


def preempt(slurm: Cluster, nodes: str = "--nodes=2") -> None:
    """Have a job of a higher partition take whole nodes for a moment."""
    command = ["sbatch", "--partition=cpu", nodes, "--exclusive", "--output=/dev/null", "--wrap=sleep 1"]
    slurm.run(*command, check=True)


def leave_unwatched(pid: int) -> None:
    """Kill a task's slurmstepd: srun then reports success, while the task goes on."""
    os.kill(pid, signal.SIGSTOP)  # it shall not finish meanwhile
    os.kill(watcher(pid), signal.SIGKILL)


def watcher(pid: int) -> int:
    """The slurmstepd that started a task."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    (parent,) = (int(line.split()[1]) for line in status if line.startswith("PPid"))
    assert Path(f"/proc/{parent}/comm").read_text() == "slurmstepd\n"
    return parent


def environment_of(pid: int) -> dict[str, str]:
    """What a process was started with."""
    settings = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(setting.split("=", 1) for setting in settings if setting)


def node_of(slurm: Cluster, job: str) -> str:
    """The node that runs a job."""
    return slurm.run("squeue", "--noheader", f"--jobs={job}", "--format=%N", check=True).stdout.strip()
