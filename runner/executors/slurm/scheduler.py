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
ANSWER_S = 20.0  # a controller that takes longer is not there
ARRAY_SIZE = 1001  # SLURM's default of MaxArraySize
AT_ONCE = 500  # ids in one call of scancel or scontrol


def call(*command: str, timeout_s: float = TIMEOUT_S, times: str = "") -> str:
    """Return the output of a SLURM command. Raises SchedulerError with its own words, or that it did not answer.

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


def complaint() -> str:
    """Return why no SLURM controller answers here, in SLURM's words; empty if one does."""
    try:
        call("sinfo", "--noheader", timeout_s=ANSWER_S)
    except SchedulerError as error:
        return str(error)
    return ""


def answers() -> bool:
    """Say whether a SLURM controller answers here."""
    return not complaint()


def controller_time() -> float:
    """Return the time by the controller's clock, in seconds since the epoch."""
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


def configuration(timeout_s: float = TIMEOUT_S) -> dict[str, str]:
    """Return the cluster's settings by name. Raises SchedulerError."""
    lines = call("scontrol", "show", "config", timeout_s=timeout_s).splitlines()
    parts = [line.partition("=") for line in lines]
    return {name.strip(): value.strip() for name, equals, value in parts if equals}


def max_array_size(default: int = ARRAY_SIZE) -> int:
    """Return how many elements one array may have, as the cluster is configured. Raises SchedulerError."""
    size = configuration().get("MaxArraySize", "")
    return int(size) if size.isdigit() else default
