"""Running tasks in this very process, one after another: for breakpoints and small tests."""

import time
from collections.abc import Mapping, Sequence

from jobs.attempt import cause_of
from runner.executors.executor import Request, Room, WatchedTask
from runner.executors.gpus import visible_gpus
from runner.executors.here import Here, is_blocked, shares
from runner.executors.inside import Inside
from runner.executors.table import enclosing_job
from runner.executors.task import TaskCall
from runner.study.plan import Plan, PlannedTask


class Debug(Here):
    """The process that submits."""

    name = "debug"

    def asks(self, plan: Plan, tasks: Sequence[PlannedTask], room: Room) -> Mapping[str, str]:
        """Return one core and, where it would use one, a GPU."""
        return super().asks(plan, tasks, Room(cores=1))

    def submit(self, request: Request) -> Sequence[WatchedTask]:
        """Run the tasks in order and return how each ended; a failed task stops only those that need it."""
        states = shares(request.tasks, request.plan.study.cluster, 1, len(visible_gpus()))
        by_key = {state.task.key: state for state in states}
        inside = Inside(enclosing_job())
        for state in states:
            task = state.task
            if is_blocked(state, [by_key[need.key] for need in task.needs if need.key in by_key]):
                state.state = "skipped"
                continue
            state.state, state.started = "running", time.time()
            request.watch(states)
            try:
                TaskCall.of(task, request.folder, inside, cores=state.cores, gpus=int(state.gpu))()
                state.state = "done"
            except Exception as error:  # noqa: BLE001 - recorded with its cause; the other tasks go on
                state.state, state.error = "failed", ": ".join(filter(None, cause_of(error)))
            state.seconds = time.time() - state.started
            request.watch(states)
        return states
