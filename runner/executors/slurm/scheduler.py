"""SLURM's commands as this project calls them, with plain words when it refuses.

Everything is a command of SLURM's with a time limit, so that nothing here hangs on a controller
that is down.
"""

# After a task a node's own Python may run this, which may be older than ours (see requeue.py).
from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable

from runner.executors.job_state import SchedulerError
from runner.executors.slurm.site import command_environment

TIMEOUT_S = 60.0
ARRAY_SIZE = 1001  # SLURM's default of MaxArraySize
AT_ONCE = 500  # ids in one call of scancel or scontrol


def call(*command: str, timeout_s: float = TIMEOUT_S, times: str = "") -> str:
    """The output of a SLURM command. Raises SchedulerError with its own words, or that it did not answer.

    ``times`` is how it writes them, ``%s`` for seconds since the epoch (default: SLURM's own way).
    """
    environment = command_environment() | ({"SLURM_TIME_FORMAT": times} if times else {})
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout_s,
            check=False,
            env=environment,
        )
    except FileNotFoundError as error:
        raise SchedulerError(f"{command[0]} is not installed here") from error
    except subprocess.TimeoutExpired as error:
        raise SchedulerError(f"{command[0]} did not answer within {timeout_s:.0f} s") from error
    if done.returncode:
        raise SchedulerError((done.stderr or done.stdout).strip() or f"{command[0]} failed ({done.returncode})")
    return done.stdout


def answers() -> bool:
    """Whether a SLURM controller answers here."""
    try:
        call("sinfo", "--noheader", timeout_s=20)
    except SchedulerError:
        return False
    return True


def controller_time() -> float:
    """The time by the controller's clock, in seconds since the epoch."""
    match = re.search(r"as of (\d+)", call("scontrol", "show", "config", times="%s"))
    if not match:
        raise SchedulerError("scontrol show config does not begin with the time")
    return float(match[1])


def cancel(ids: Iterable[str]) -> None:
    """Cancel jobs; those that ended already are no error. Raises SchedulerError if SLURM does not answer."""
    _call_with(ids, "scancel", "--quiet")


def release(ids: Iterable[str]) -> None:
    """Let held jobs go; those that ended already are no error. Raises SchedulerError with SLURM's words."""
    _call_with(ids, "scontrol", "release")


def _call_with(ids: Iterable[str], *command: str) -> None:
    """Call a command with jobs as its arguments, many at once; it is no error that some are gone."""
    jobs = list(dict.fromkeys(ids))
    for first in range(0, len(jobs), AT_ONCE):
        try:
            call(*command, *jobs[first : first + AT_ONCE])
        except SchedulerError as error:
            others = [line for line in str(error).splitlines() if line.strip() and "Invalid job id" not in line]
            if others:
                raise SchedulerError("\n".join(others)) from error


def max_array_size(default: int = ARRAY_SIZE) -> int:
    """How many elements one array may have, as the cluster is configured."""
    match = re.search(r"^MaxArraySize\s*=\s*(\d+)", call("scontrol", "show", "config"), re.MULTILINE)
    return int(match[1]) if match else default


def partitions_text() -> str:
    """The partitions that exist, in a line each; empty where SLURM does not answer."""
    try:
        text = call("sinfo", "--noheader", "--format=%P|%a|%l|%G|%c|%m", timeout_s=20)
    except SchedulerError:
        return ""
    return "\n".join(f"  {line}" for line in dict.fromkeys(map(_partition_text, text.splitlines())))


def _partition_text(row: str) -> str:
    name, up, limit, gpus, cpus, memory = row.split("|")
    default = " (default)" if name.endswith("*") else ""
    time = "no time limit" if limit == "infinite" else f"at most {limit}"
    gpus = "no GPUs" if gpus == "(null)" else gpus
    return f"{name.rstrip('*')}{default}: {up}, {time}, {gpus}, {cpus} cores and {memory} MB a node"
