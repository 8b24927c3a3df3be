"""A handle on the SLURM that cluster.sh runs in a folder."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCRIPT = Path(__file__).with_name("cluster.sh")
NEEDED = ("munged", "mariadbd", "slurmdbd", "slurmctld", "slurmd", "sbatch", "sacct")
PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"  # the daemons' home, which users often lack


def missing() -> str | None:
    """What has to be installed before a cluster can start."""
    absent = [program for program in NEEDED if shutil.which(program, path=PATH) is None]
    return f"no {', '.join(absent)} here; `make test-slurm` says what to install" if absent else None


class Cluster:
    """A running cluster: its folder, the environment that leads commands to it, and what can befall it."""

    def __init__(self, folder: Path) -> None:
        self.dir = folder
        self.env = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}

    def call(self, verb: str, *args: str) -> None:
        """One verb of cluster.sh: ``call("kill-node", "node2")``."""
        done = subprocess.run(
            [str(SCRIPT), verb, str(self.dir), *args], env=self.env, capture_output=True, text=True, timeout=180
        )
        if done.returncode:
            raise RuntimeError(f"cluster.sh {verb}: {done.stdout}{done.stderr}")

    def run(self, *argv: str, check: bool = False, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """A command's result with this cluster as its SLURM; with ``check`` a failure is raised with its output."""
        done = subprocess.run(argv, env=self.env, capture_output=True, text=True, timeout=timeout)
        if check and done.returncode:
            raise RuntimeError(f"{argv} returned {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def wait_idle(self, timeout: float = 600) -> None:
        """Returns once no job is pending, running or completing."""
        self.wait_for(lambda: not self.run("squeue", "-h", check=True).stdout, "an empty queue", timeout, every=0.3)

    def wait_for(self, condition, what: str, timeout: float = 180, every: float = 0.1):
        """The first true value of a condition; says what was waited for, and the queue, where it stays false.

        To look takes a quarter of a core at most: what is waited for needs the rest.
        """
        end = time.monotonic() + timeout
        while True:
            begin = time.monotonic()
            if value := condition():
                return value
            if begin > end:
                raise TimeoutError(f"waited {timeout} s for {what}; squeue:\n{self.run('squeue').stdout}")
            time.sleep(max(every, 3 * (time.monotonic() - begin)))


@contextmanager
def started(**settings: str) -> Iterator[Cluster]:
    """A cluster of one's own, with settings of cluster.sh such as ``MAX_ARRAY_SIZE="10"``; gone afterwards."""
    # Not pytest's folders: sockets want a short path. Whoever names one for clusters ends what is left there.
    folder = Path(tempfile.mkdtemp(prefix="slurm-", dir=os.environ.get("SRCNN_SLURM")))
    environment = {key: value for key, value in os.environ.items() if key != "SLURM_CONF"} | settings
    done = subprocess.run(
        [str(SCRIPT), "start", str(folder)], env=environment, capture_output=True, text=True, timeout=180
    )
    if done.returncode:
        raise RuntimeError(f"no cluster in {folder}: {done.stdout}{done.stderr}")
    cluster = Cluster(folder)
    try:
        yield cluster
    finally:
        cluster.call("stop")
        shutil.rmtree(folder)
