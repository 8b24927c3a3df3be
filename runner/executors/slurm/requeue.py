"""In a batch job after its task (``python -m``, with srun's status): whether it finished and if SLURM runs it again.

A task that is killed from outside (kill -9, a node that runs out of memory) leaves no word, and
SLURM takes the job for failed. If the step manager that watches a task is killed, srun even reports
success while the task goes on. So the batch script calls this with srun's exit status; a job whose
task did not end by itself goes back into the queue unless it was cancelled, asked for too little
memory, or ended this way too often.
"""

# After a task a node's own Python may run this, which may be older than ours.
from __future__ import annotations

import os
import pickle
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from runner.executors.job_state import SchedulerError
from runner.executors.slurm.scheduler import call
from runner.executors.submitit_names import LOG, RESULT
from runner.record.submission_files import KILL_COUNT

# In the batch script: the submission's folder for the stage and the job's number. Its task and all that this starts
# inherit it, so that it tells which processes are the task's.
VARIABLE = "RUNNER_TASK"
WARNED = 75  # the exit status of a task that was warned and cannot reach SLURM itself (EX_TEMPFAIL)
KILLS = 3  # more than that is no accident
KILLED = 128 + signal.SIGKILL  # the exit status of a job whose task was killed
FAILED = 70  # that of a job whose task says that it failed, though srun does not; no Python ends so by itself
# Signals that come from outside; by others, such as SIGSEGV, programs die of their own faults.
OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
# What SLURM's own programs write when it is they who killed for memory; a task may speak of memory too.
MEMORY = re.compile(
    rb"^(?:srun|slurmd|slurmstepd)\b.*(?:oom[-_ ]kill|out of memory|exceeded .{0,20}memory limit)",
    re.IGNORECASE | re.MULTILINE,
)
TAIL_BYTES = 20_000
RESTARTS = "SLURM_RESTART_COUNT"  # in the environment of a job that was started again
STATE = "State:20,RestartCnt:20"  # what squeue is asked
GONE_S = 10.0  # for processes to end that were killed
# What SLURM's commands say while their controller is down or busy, which a restart or a failover ends.
SILENT = re.compile("unable to contact|timed out|did not answer|zero bytes|standby|connection", re.IGNORECASE)
SILENT_S, AGAIN_S = 600.0, 2.0


def decide(state: str, kills: int, log_tail: bytes) -> str | None:
    """Return why a killed job is not run again; None if it is.

    ``state`` is the scheduler's for the job now, ``kills`` how often it was killed, this time included.
    """
    if state != "RUNNING":
        return f"the job is {state or 'unknown to the scheduler'}"
    if MEMORY.search(log_tail):
        return "it needed more memory than it asked for: submit again with --mem-gb"
    if kills > KILLS:
        return f"it was killed {kills} times"
    return None


def killed_from_outside(exit_code: str) -> bool:
    """Say whether sacct's exit code is that of a killed task: ``137:0``, ``9:0`` (short for it) or ``0:9``."""
    parts = exit_code.split(":")
    return any(part.isdigit() and int(part) % 128 in OUTSIDE for part in parts)


def main() -> int:
    """Return the status with which the batch script ends instead of srun's; 0 if srun's stands."""
    status, task = int(sys.argv[1]), os.environ[VARIABLE]
    last_word = _last_word(Path(task + RESULT))
    if status == 0 and last_word == "success":
        return 0
    if status == 0 and last_word == "error":
        print("srun says that all went well, but the task failed: see above.", flush=True)
        return FAILED
    if status == 0:
        what = "nobody watched the task any more (its slurmstepd was killed?) and it had not finished"
    elif status - 128 in OUTSIDE:
        what = f"the task was killed by {signal.Signals(status - 128).name}"
    elif status == WARNED:
        what = "the task was warned (a time limit, a preemption) and could not reach SLURM where it runs"
    else:
        return 0
    end_processes(task)
    reason = _again(task, what, accident=status != WARNED)
    if reason:
        print(f"Not run again, because {reason}; what happened: {what}.", flush=True)
    return KILLED


def _again(task: str, what: str, accident: bool) -> str | None:
    """Put the job back into the queue, and return why not, if it is not put back. Accidents are counted."""
    # By the number of its job alone, one element of each array stands for all of it.
    name = Path(task).name
    try:
        state = _state(_patiently("squeue", "--noheader", "--states=all", f"--jobs={name}", f"--Format={STATE}"))
        kills = _count(Path(task + KILL_COUNT)) if accident and state == "RUNNING" else 0
        reason = decide(state, kills, tail(Path(task + LOG)) if accident else b"")
        if reason is None:
            counted = f" ({kills} of {KILLS} times that are forgiven)" if accident else ""
            print(f"Back into the queue: {what}{counted}.", flush=True)
            _patiently("scontrol", "requeue", name)
    except SchedulerError as error:
        return str(error)
    return reason


def _state(answer: str) -> str:
    """Return the scheduler's word for this execution of the job: another one may run by now."""
    state, *restarts = answer.split()[:2] or [""]
    return "started again already" if restarts and restarts != [_restarts()] else state


def _restarts() -> str:
    """Return how often SLURM had started the job again when this execution of it began."""
    return os.environ.get(RESTARTS, "0")


def _patiently(*command: str) -> str:
    """Return what a SLURM command prints once a controller answers. Raises SchedulerError with its words."""
    end = time.monotonic() + SILENT_S
    while True:
        try:
            return call(*command)
        except SchedulerError as error:
            if not SILENT.search(str(error)) or time.monotonic() > end:
                raise
        time.sleep(AGAIN_S)


def _count(kills: Path) -> int:
    """Count that a task was killed, and return how often it was."""
    with kills.open("a+") as file:
        file.write(f"{_restarts()}\n")
        file.seek(0)
        return len(file.readlines())


def _last_word(result: Path) -> Literal["success", "error"] | None:
    """Return how the task ended by its own word, which submitit writes last of all; None if none can be read.

    The batch script removes an earlier attempt's before it starts the task.
    """
    try:
        word: Literal["success", "error"] = pickle.loads(result.read_bytes())[0]
    except Exception:  # noqa: BLE001 - a power loss leaves files of which no word can be read, and pickle raises anything
        return None
    return word


def end_processes(task: str) -> None:
    """Kill what still runs of a task on this node, and wait until it is gone.

    A process is the task's if it was started with the task's variable, whoever its parent is now. Those of another
    execution of the same job are not: SLURM may have started it again on this node.
    """
    end = time.monotonic() + GONE_S
    while pids := list(_processes(task)):
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if time.monotonic() > end:
            print(f"Still there after KILL: processes {', '.join(map(str, pids))}.", flush=True)
            return
        time.sleep(0.05)


def _processes(task: str) -> Iterator[int]:
    """Give the other processes that this execution of the task started, by their environment."""
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                settings = Path(entry.path, "environ").read_bytes().split(b"\0")
            except OSError:  # gone, or somebody else's
                continue
            known = dict(setting.partition(b"=")[::2] for setting in settings)
            mine = known.get(VARIABLE.encode()) == os.fsencode(task)
            if mine and known.get(RESTARTS.encode(), b"0") == _restarts().encode():
                yield int(entry.name)


def tail(log: Path) -> bytes:
    """Return the end of a log; empty if there is none, or something else in its place, such as a pipe."""
    try:
        if not log.is_file():
            return b""
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            return file.read()
    except FileNotFoundError:
        return b""


if __name__ == "__main__":
    sys.exit(main())
