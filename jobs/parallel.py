"""Calls spread over processes, one a core, that end with the task and whose death is no riddle."""

import logging
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from jobs.processes import born, end_with
from jobs.stage import task_cores

KILLS = 3  # more than that before the next result are no accident

logger = logging.getLogger(__name__)


class WorkerKilled(RuntimeError):
    """A process that shared the work was killed, again and again; the message says what to do."""


def spread(function: Callable[..., Any], arguments: Iterable[tuple[Any, ...]], workers: int | None) -> Iterator[Any]:
    """Results of the calls, in order, from as many processes as the task has cores (or ``workers``).

    What a killed process had under way is done again, by half as many: they need less memory, for lack
    of which most are killed. Raises WorkerKilled if that helps in no way.
    """
    calls, workers = list(arguments), workers or task_cores()
    fault = workers_fault() if workers > 1 else ""
    if fault:
        logger.warning("one process works instead of %d: %s", workers, fault)
        workers = 1
    if workers == 1:
        yield from (function(*call) for call in calls)
        return
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    done = kills = 0
    while done < len(calls):
        try:
            for result in _by_workers(function, calls[done:], workers):
                done, kills = done + 1, 0
                yield result
        except TerminatedWorkerError as error:
            # A job that is put back has SIGTERM sent to all its processes. Anything else, such as a segmentation
            # fault, would come again.
            if not any(name in str(error) for name in ("SIGKILL", "SIGTERM")):
                raise
            kills += 1
            if kills > KILLS:
                raise WorkerKilled(
                    f"one of its {workers} worker processes was killed, {kills} times at the same point: it probably "
                    "needed more memory than there is. Submit again with --mem-gb, or with fewer cores for its stage "
                    "(cluster.STAGE.cpus; evaluate.workers for scoring, --workers for jobs.evaluate)"
                ) from error
            fewer = max(2, workers // 2)
            logger.warning("one of %d worker processes was killed (too little memory?): %d go on", workers, fewer)
            workers = fewer


def workers_fault() -> str:
    """Why this process cannot share work with others; empty if it can."""
    try:
        multiprocessing.get_context("spawn").Lock()
    except OSError as error:
        return f"no semaphore can be made in /dev/shm ({error.strerror})"
    return ""


def _by_workers(function: Callable[..., Any], calls: list[tuple[Any, ...]], workers: int) -> Iterator[Any]:
    from joblib import Parallel, delayed, parallel_config

    # One thread in each process: the parallelism is over pictures, and oversubscription costs a third.
    # A killed task leaves no process behind that would compute on, or hold its memory, for minutes.
    me = os.getpid(), born(os.getpid())
    with parallel_config(backend="loky", inner_max_num_threads=1, initializer=end_with, initargs=me):
        yield from Parallel(n_jobs=workers, return_as="generator")(delayed(function)(*call) for call in calls)
