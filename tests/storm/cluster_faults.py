"""What can befall a study on a cluster: one function a fault, FAULTS is the table of all of them."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from slurm.cluster import Cluster

from jobs.processes import descendants
from runner.executors.slurm.requeue import KILLS

from .studies import at_work

NODES = ("node2", "node3")  # those of partition low
AWAY_S = 6.0  # for which a node, a daemon or a process is away


class Weather:
    """The cluster under fault, what is to be undone later, and which tasks were killed how often."""

    def __init__(self, slurm: Cluster, rng: random.Random) -> None:
        self.slurm, self.rng = slurm, rng
        self.study = Path()
        self.later: list[tuple[float, Callable[[], Any]]] = []
        self.kills: Counter[str] = Counter()
        self.cancelled = False
        self.node_is_away = self.accounting_is_away = False

    def begin(self, study: Path) -> None:
        """Turn to a study that nothing has befallen yet."""
        self.study, self.cancelled = study, False
        self.kills.clear()

    def undo(self, *, all_of_it: bool = False) -> None:
        """Undo what is due, or everything."""
        due = [each for each in self.later if all_of_it or each[0] <= time.monotonic()]
        self.later = [each for each in self.later if each not in due]
        for _, undo in due:
            undo()

    def after(self, seconds: float, undo: Callable[[], Any]) -> None:
        """Remember what to undo."""
        self.later.append((time.monotonic() + seconds, undo))

    def working(self, stage: str = "") -> dict[str, Any] | None:
        """One of the attempts at work now; None if there is none."""
        found = at_work(self.study, lambda each: bool(each["job"]) and (not stage or each["stage"] == stage))
        return self.rng.choice(found) if found else None

    def victim(self, stage: str = "") -> dict[str, Any] | None:
        """An attempt to be killed. More kills of one job than are forgiven would be no accident."""
        attempt = self.working(stage)
        if attempt is None or self.kills[attempt["job"]] >= KILLS:
            return None
        self.kills[attempt["job"]] += 1
        return attempt

    def jobs(self, *states: str) -> list[str]:
        """Ids of the jobs of the study in some states."""
        text = self.slurm.run("squeue", "--noheader", "--array", "--format=%i|%T|%j").stdout
        rows = [line.split("|") for line in text.splitlines()]
        return [job for job, state, name in rows if state in states and name.startswith(f"{self.study.name}-")]


def requeue(weather: Weather) -> bool:
    """``scontrol requeue`` of a running job."""
    attempt = weather.working()
    return bool(attempt) and not weather.slurm.run("scontrol", "requeue", attempt["job"]).returncode


def kill_a_task(weather: Weather) -> bool:
    """``kill -9`` of a task's process."""
    return _kill(attempt["pid"] if (attempt := weather.victim()) else None)


def kill_a_worker(weather: Weather) -> bool:
    """``kill -9`` of a process that scores for a task, as a kernel without memory does."""
    attempt = weather.victim("evaluate")
    workers = [pid for pid in descendants(attempt["pid"]) if b"loky" in _cmdline(pid)] if attempt else []
    return _kill(weather.rng.choice(workers) if workers else None)


def kill_a_step_manager(weather: Weather) -> bool:
    """``kill -9`` of the slurmstepd of a task: srun then reports success while the task lives on."""
    attempt = weather.victim()
    if attempt is None:
        return False
    told = weather.slurm.run("scontrol", "show", "job", attempt["job"]).stdout
    numbers = [word.removeprefix("JobId=") for word in told.split() if word.startswith("JobId=")]
    wanted = {f"slurmstepd: [{number}.0]".encode() for number in numbers}
    found = [int(p.name) for p in Path("/proc").glob("[0-9]*") if any(w in _cmdline(int(p.name)) for w in wanted)]
    return _kill(found[0] if found else None)


def lose_slurmd(weather: Weather) -> bool:
    """A node's slurmd is killed and started again; its tasks live on."""
    return _take_node(weather, lambda node: weather.slurm.call("lose-slurmd", node))


def power_loss(weather: Weather) -> bool:
    """A node loses power, with all that runs on it, and comes back."""
    return _take_node(weather, lambda node: weather.slurm.call("kill-node", node))


def node_down(weather: Weather) -> bool:
    """An administrator takes a node down at once, and resumes it."""

    def down(node: str) -> None:
        weather.slurm.run("scontrol", "update", f"nodename={node}", "state=down", "reason=storm")

    return _take_node(weather, down)


def kill_the_controller(weather: Weather) -> bool:
    """``kill -9`` of slurmctld, which is away for some seconds."""
    if weather.accounting_is_away:  # a young slurmctld does not start without it
        return False
    _kill(int((weather.slurm.dir / "run" / "slurmctld.pid").read_text()))
    time.sleep(weather.rng.uniform(0, AWAY_S / 2))
    weather.slurm.call("restart-controller")
    return True


def lose_accounting(weather: Weather) -> bool:
    """slurmdbd is away for some seconds."""
    if weather.accounting_is_away:
        return False
    weather.accounting_is_away = True
    weather.slurm.call("stop-accounting")

    def back() -> None:
        weather.slurm.call("start-accounting")
        weather.accounting_is_away = False

    weather.after(AWAY_S, back)
    return True


def preempt(weather: Weather) -> bool:
    """Jobs of a higher partition take the nodes for a moment."""
    return bool(weather.working()) and _preempt(weather, 2)


def preempt_at_the_start(weather: Weather) -> bool:
    """The same within the first two seconds of a job."""
    known = set(weather.jobs("RUNNING"))
    end = time.monotonic() + 5
    while time.monotonic() < end:
        if set(weather.jobs("RUNNING")) - known:
            time.sleep(weather.rng.uniform(0, 1.5))
            return _preempt(weather, 2)
        time.sleep(0.1)
    return False


def cancel_an_element(weather: Weather) -> bool:
    """``scancel`` of one job, which somebody must have wanted."""
    jobs = weather.jobs("RUNNING", "PENDING")
    if not jobs or weather.cancelled:
        return False
    weather.cancelled = True
    return not weather.slurm.run("scancel", weather.rng.choice(jobs)).returncode


def stop_and_continue(weather: Weather) -> bool:
    """A task's process stands still for some seconds."""
    attempt = weather.working()
    if attempt is None:
        return False
    _signal(attempt["pid"], signal.SIGSTOP)
    weather.after(AWAY_S, lambda: _signal(attempt["pid"], signal.SIGCONT))
    return True


def shorten_the_time_limit(weather: Weather) -> bool:
    """A running job is near its time limit from one moment to the next, and has more time after that."""
    attempt = weather.working()
    if attempt is None:
        return False

    def limit(minutes: int) -> int:
        return weather.slurm.run("scontrol", "update", f"jobid={attempt['job']}", f"timelimit={minutes}").returncode

    weather.after(45, lambda: limit(10))
    return not limit(1)


FAULTS: dict[str, tuple[Callable[[Weather], bool], int]] = {  # with how often each is tried
    "scontrol requeue": (requeue, 3),
    "kill -9 of a task": (kill_a_task, 3),
    "kill -9 of a scoring worker": (kill_a_worker, 6),
    "kill -9 of a slurmstepd": (kill_a_step_manager, 3),
    "slurmd lost and back": (lose_slurmd, 2),
    "node without power and back": (power_loss, 2),
    "node down and back": (node_down, 2),
    "slurmctld killed": (kill_the_controller, 2),
    "slurmdbd away": (lose_accounting, 1),
    "preemption": (preempt, 2),
    "preemption within two seconds": (preempt_at_the_start, 3),
    "scancel of an element": (cancel_an_element, 1),
    "stop and continue": (stop_and_continue, 3),
    "time limit": (shorten_the_time_limit, 2),
}


def _take_node(weather: Weather, take: Callable[[str], None]) -> bool:
    if weather.node_is_away:
        return False
    node = weather.rng.choice(NODES)
    weather.node_is_away = True
    take(node)

    def back() -> None:
        weather.slurm.call("start-node", node)
        weather.slurm.run("scontrol", "update", f"nodename={node}", "state=resume")
        weather.node_is_away = False

    # Both before and after the controller has noticed.
    weather.after(weather.rng.choice([AWAY_S / 2, 3 * AWAY_S]), back)
    return True


def _preempt(weather: Weather, nodes: int) -> bool:
    order = ["sbatch", "--partition=cpu", f"--nodes={nodes}", "--exclusive", "--time=1", "--output=/dev/null"]
    return not weather.slurm.run(*order, "--job-name=preemptor", "--wrap=sleep 3").returncode


def _kill(pid: int | None) -> bool:
    return pid is not None and _signal(pid, signal.SIGKILL)


def _signal(pid: int, number: int) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
