"""SLURM as this project asks it: one call for the states of all jobs, and plain words when it refuses.

Everything is a command of SLURM's with a time limit, so that nothing here hangs on a controller
that is down.
"""

import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

TIMEOUT_S = 60.0
WARNED_S = 180  # before a time limit: our 90 s, SLURM's own minute, and some
ARRAY_SIZE = 1001  # SLURM's default of MaxArraySize
CANCEL_AT_ONCE = 500  # ids in one call of scancel

# States in which a job may still do something.
ALIVE = frozenset(
    [
        "PENDING",
        "RUNNING",
        "REQUEUED",
        "SUSPENDED",
        "COMPLETING",
        "CONFIGURING",
        "STOPPED",
        "RESIZING",
        "REQUEUE_HOLD",
        "REQUEUE_FED",
        "SIGNALING",
        "STAGE_OUT",
        "SPECIAL_EXIT",
    ]
)


class SchedulerError(RuntimeError):
    """SLURM did not do what was asked; the message holds its own words."""


@dataclass(frozen=True)
class JobState:
    """What the scheduler says of one job: its state without suffix, why it waits, how its steps ended."""

    state: str
    reason: str = ""
    exit_code: str = ""
    node: str = ""
    step_states: frozenset[str] = frozenset()
    elapsed_s: int | None = None
    limit_min: int | None = None

    @property
    def alive(self) -> bool:
        """Whether it waits or runs."""
        return self.state in ALIVE

    @property
    def ended_early(self) -> bool:
        """Whether it ended well before its time limit, so that it was not that which ended it."""
        return bool(self.limit_min and self.elapsed_s is not None and self.elapsed_s < 60 * self.limit_min - WARNED_S)

    @property
    def started(self) -> bool:
        """Whether it ever had a node."""
        return self.node not in ("", "None assigned")


@dataclass(frozen=True)
class Answer:
    """States by job id. ``note`` says what was amiss with the asking.

    ``answered``: a job that is not among the states is neither queued nor running. ``complete``: jobs
    that ended long ago are among them too.
    """

    states: Mapping[str, JobState] = field(default_factory=dict)
    note: str = ""
    answered: bool = True
    complete: bool = True


def call(*command: str, timeout_s: float = TIMEOUT_S) -> str:
    """The output of a SLURM command. Raises SchedulerError with its own words, or that it did not answer."""
    try:
        # Unasked, long lists of array elements are cut off in the middle.
        env = {**os.environ, "SLURM_BITSTR_LEN": "0"}
        done = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", timeout=timeout_s, check=False, env=env
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


def job_states(ids: Iterable[str], owner: str | None = None) -> Answer:
    """The states of jobs by one call of sacct; what it does not know, by one of squeue.

    ``owner`` is the user whose jobs they are (default: who asks).
    """
    wanted = set(ids)
    if not wanted:
        return Answer()
    numbers = sorted({job.partition("_")[0] for job in wanted}, key=int)
    states, note = {}, ""
    try:
        columns = "JobID,State,Reason,ExitCode,NodeList,ElapsedRaw,TimelimitRaw"
        text = call("sacct", "--parsable2", "--noheader", f"--format={columns}", f"--jobs={','.join(numbers)}")
        states = _from_sacct(text)
    except SchedulerError as error:
        note = f"no accounting ({str(error).splitlines()[0]}): causes of jobs that ended some time ago are unknown"
    lacking = wanted - states.keys()
    if not lacking:
        return Answer(states)
    try:  # accounting may be absent, down or behind
        # --jobs would refuse the whole list for one number that is forgotten.
        user = f"--user={owner}" if owner else "--me"
        text = call("squeue", user, "--noheader", "--array", "--states=all", "--format=%i|%T|%r|%N")
    except SchedulerError as error:
        trouble = f"the scheduler does not answer ({str(error).splitlines()[0]})"
        return Answer(states, note and trouble, answered=not note, complete=not note)
    for job, state, reason, node in (line.split("|", 3) for line in text.splitlines()):
        if job in lacking:
            states[job] = JobState(state, "" if reason == "None" else reason, node=node)
    return Answer(states, note, complete=not note)


def _from_sacct(text: str) -> dict[str, JobState]:
    found: dict[str, JobState] = {}
    steps: dict[str, set[str]] = {}
    for line in text.splitlines():
        job, state, reason, exit_code, node, *times = line.split("|")
        state = state.split()[0] if state else "UNKNOWN"  # such as ``CANCELLED by 0``
        whole, dot, _ = job.partition(".")
        if dot:
            steps.setdefault(whole, set()).add(state)
            continue
        for each in expand(job):
            elapsed, limit = (int(text) if text.isdigit() else None for text in times)
            found[each] = JobState(
                state, "" if reason == "None" else reason, exit_code, node, elapsed_s=elapsed, limit_min=limit
            )
    return {
        job: replace(state, step_states=frozenset(steps[job])) if job in steps else state
        for job, state in found.items()
    }


def expand(job: str) -> Iterator[str]:
    """The ids that ``123_[0-2,7%5]`` stands for; any other id stands for itself."""
    match = re.fullmatch(r"(\d+)_\[([\d,\-]+)(?:%\d+)?\]", job)
    if not match:
        yield job
        return
    for part in match[2].split(","):
        first, _, last = part.partition("-")
        for index in range(int(first), int(last or first) + 1):
            yield f"{match[1]}_{index}"


def cancel(ids: Iterable[str]) -> None:
    """Cancel jobs; those that ended already are no error. Raises SchedulerError if SLURM does not answer."""
    waiting = list(dict.fromkeys(ids))
    for first in range(0, len(waiting), CANCEL_AT_ONCE):
        try:
            call("scancel", "--quiet", *waiting[first : first + CANCEL_AT_ONCE])
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
