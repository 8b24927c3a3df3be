"""An executor that runs each task in a process of its own on this machine, as many at once as there are cores."""

import time
from collections.abc import Iterable, Sequence

from jobs.attempt import last_attempts
from jobs.processes import is_alive, kill_tree
from runner.executors.executor import Presence, Request, WatchedTask
from runner.executors.here import Here
from runner.executors.root import FOR_SUBMITIT
from runner.study.plan import PlannedTask
from srcnn.schema import Attempt

POLL_S = 0.2
ORPHANS_S = 5.0


class Local(Here):
    """Processes of this machine."""

    name = "local"
    heeds_room = True
    troubles = FOR_SUBMITIT

    def presence(self) -> Presence:
        """Say that it is here, as it always is."""
        return Presence(True)

    def submit(self, request: Request) -> Sequence[WatchedTask]:
        """Run the tasks and return how each ended; submitit's files and the logs lie in the submission's folder."""
        from runner.executors.processes import run  # brings submitit, which plans and dry runs do without

        return run(request)


def end_orphans(tasks: Iterable[PlannedTask]) -> int:
    """End tasks that outlived a runner which was killed, and return how many there were.

    They end by themselves within a second. This waits for it, so that no two copies write at once.
    """
    folders = {task.attempts for task in tasks}
    attempts = [attempt for folder in folders for attempt, _ in last_attempts(folder).values()]
    orphans = [attempt for attempt in attempts if attempt.outcome == "running" and lives(attempt)]
    end = time.monotonic() + ORPHANS_S
    while any(map(lives, orphans)) and time.monotonic() < end:
        time.sleep(POLL_S)
    for attempt in orphans:
        kill_tree(attempt.pid, attempt.born)
    return len(orphans)


def lives(attempt: Attempt) -> bool:
    """Say whether the process of an attempt is seen to live on this machine."""
    return bool(is_alive(attempt.host, attempt.pid, attempt.born))
