"""Running a plan in this very process, one task after another: for breakpoints and small tests."""

import time
from pathlib import Path

from jobs.attempt import cause_of
from runner.executors.local import TaskState, Watcher, is_blocked
from runner.executors.task import TaskCall
from runner.study.plan import Task


def run_debug(tasks: list[Task], folder: Path, watch: Watcher) -> list[TaskState]:
    """Run the tasks in order and return how each ended; a failed task stops only those that need it.

    ``folder`` is the submission's, which the records of attempts name.
    """
    states = [TaskState(task, cores=1, gpu=False) for task in tasks]
    by_key = {state.task.key: state for state in states}
    for state in states:
        task = state.task
        if is_blocked(state, [by_key[need.key] for need in task.needs if need.key in by_key]):
            state.state = "skipped"
            continue
        state.state, state.started = "running", time.time()
        watch(states)
        try:
            TaskCall(task.job, task.stage, task.name, task.attempts, folder.name, state.cores)()
            state.state = "done"
        except Exception as error:  # noqa: BLE001 - recorded with its cause; the other tasks go on
            state.state, state.error = "failed", ": ".join(filter(None, cause_of(error)))
        state.seconds = time.time() - state.started
        watch(states)
    return states
