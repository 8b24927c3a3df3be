"""``python -m runner.requeue FOLDER``: in a batch job whose task was killed, whether SLURM runs it again.

A task that is killed from outside (kill -9, a node that runs out of memory) leaves no word, and
SLURM takes the job for failed. The batch script calls this; the job goes back into the queue
unless it was cancelled, asked for too little memory, or was killed this way too often.
"""

import os
import re
import sys
from pathlib import Path

KILLS = 3  # more than that is no accident
# What slurmd and slurmstepd write when it is they who killed for memory.
MEMORY = re.compile(rb"oom[-_ ]kill|out of memory|exceeded .{0,20}memory limit", re.IGNORECASE)
TAIL_BYTES = 20_000


def decide(state: str, kills: int, log_tail: bytes) -> str | None:
    """Why a killed job is not run again; None if it is.

    ``state`` is the scheduler's for the job now, ``kills`` how often it was killed, this time included.
    """
    if state != "RUNNING":
        return f"the job is {state or 'unknown to the scheduler'}"
    if MEMORY.search(log_tail):
        return "it needed more memory than it asked for: submit again with --mem-gb"
    if kills > KILLS:
        return f"it was killed {kills} times"
    return None


def main() -> int:
    """Requeue this job, or say why not; always 0, the job's own status counts."""
    from runner.scheduler import SchedulerError, call

    folder = Path(sys.argv[1])
    job = os.environ["SLURM_JOB_ID"]
    array, index = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    # By its number alone, one element of each array stands for all of it.
    name = f"{array}_{index}" if array and index else job
    with (folder / f"{name}.kills").open("a+") as file:
        file.write(f"{os.environ.get('SLURM_RESTART_COUNT', 0)}\n")
        file.seek(0)
        kills = len(file.readlines())
    try:
        state = call("squeue", "--noheader", "--states=all", f"--jobs={name}", "--format=%T").strip()
        reason = decide(state, kills, tail(folder / f"{name}_0_log.out"))
        if reason is None:
            print(f"The task was killed ({kills} of {KILLS} times that are forgiven): back into the queue.", flush=True)
            call("scontrol", "requeue", name)
            return 0
    except SchedulerError as error:
        reason = str(error)
    print(f"The task was killed, and is not run again: {reason}.", flush=True)
    return 0


def tail(log: Path) -> bytes:
    """The end of a log; empty if there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            return file.read()
    except FileNotFoundError:
        return b""


if __name__ == "__main__":
    sys.exit(main())
