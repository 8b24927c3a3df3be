"""Calls spread over processes, one a core, which end with the task; the death of one is explained."""

import logging
import multiprocessing
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky import ProcessPoolExecutor
from joblib.externals.loky.process_executor import TerminatedWorkerError

from jobs.job import task_cores
from jobs.processes import born, end_with

KILLS = 3  # more of them before the next result are not an accident

logger = logging.getLogger(__name__)


class WorkerKilled(RuntimeError):
    """A worker process that was killed again and again; the message says what to do."""


@dataclass(frozen=True)
class Ended:
    """The result of a call that ended its process; ``how`` is such as ``exit status 3`` or ``SIGSEGV``."""

    how: str


def spread(
    function: Callable[..., Any],
    arguments: Iterable[tuple[Any, ...]],
    workers: int | None,
    endings: bool = False,
    apart: bool = False,
) -> Iterator[Any]:
    """Give the results of the calls, in order, from as many processes as the task has cores (or ``workers``).

    If a process is killed, half as many make its calls again: most are killed for lack of memory, and fewer need
    less. Raises WorkerKilled if that does not help. With ``endings``, a call that itself ends its process gives an
    ``Ended`` and costs no other call; with ``apart``, even a single worker is another process.
    """
    calls, workers = list(arguments), workers or task_cores()
    fault = workers_fault() if workers > 1 or apart else ""
    if fault:
        logger.warning("one process works instead of %d: %s", workers, fault)
        workers, apart = 1, False
    if workers == 1 and not apart:
        yield from (function(*call) for call in calls)
        return
    done = kills = suspects = 0
    while done < len(calls):
        alone = workers == 1 or suspects > 0
        left = calls[done : done + suspects] if suspects else calls[done:]
        ended = None
        try:
            for result in _one_by_one(function, left) if alone else _by_workers(function, left, workers):
                done, kills, suspects = done + 1, 0, max(0, suspects - 1)
                yield result
        except TerminatedWorkerError as error:
            # A job that is put back has SIGTERM sent to all its processes. Anything else, such as a segmentation
            # fault, would come again.
            if not any(name in str(error) for name in ("SIGKILL", "SIGTERM")):
                if not endings:
                    raise
                ended = Ended(_how(error))
            elif (kills := kills + 1) > KILLS:
                raise WorkerKilled(
                    f"one of its {workers} worker processes was killed, {kills} times at the same point: it probably "
                    "needed more memory than there is. Submit again with --mem-gb, or with fewer cores for its stage "
                    "(cluster.STAGE.cpus; evaluate.workers for scoring, --workers for jobs.evaluate)"
                ) from error
            else:
                fewer = min(workers, max(2, workers // 2))
                logger.warning("one of %d worker processes was killed (too little memory?): %d go on", workers, fewer)
                workers = fewer
        if ended and alone:
            done, kills, suspects = done + 1, 0, max(0, suspects - 1)
            yield ended
        elif ended:  # by one of the calls under way; made one by one, they show by which
            suspects = 2 * workers


def _how(error: Exception) -> str:
    """Return how a worker ended, from the library's message: ``{EXIT(3)}``, ``{SIGSEGV(-11)}``."""
    ending = re.search(r"\{.*?(EXIT|SIG\w+)\((-?\d+)\)", str(error))
    if not ending:
        return "nobody knows how"
    return f"exit status {ending[2]}" if ending[1] == "EXIT" else ending[1]


def workers_fault() -> str:
    """Return why this process cannot share work with others; empty if it can."""
    try:
        multiprocessing.get_context("spawn").Lock()
    except OSError as error:
        return f"no semaphore can be made in /dev/shm ({error.strerror})"
    return ""


def _of_this_task() -> tuple[int, str | None, tuple[str, ...]]:
    """Return the task's process and import path, which ``_begin`` takes in a worker."""
    return os.getpid(), born(os.getpid()), tuple(sys.path)


def _begin(pid: int, since: str | None, path: tuple[str, ...]) -> None:
    """Begin a worker, which imports from the same places as the task, and ends with it."""
    sys.path[:] = path
    end_with(pid, since)


def _one_by_one(function: Callable[..., Any], calls: list[tuple[Any, ...]]) -> Iterator[Any]:
    """Give the results of the calls, made one after the other in one other process."""
    with ProcessPoolExecutor(1, initializer=_begin, initargs=_of_this_task()) as executor:
        for call in calls:
            yield executor.submit(function, *call).result()


def _by_workers(function: Callable[..., Any], calls: list[tuple[Any, ...]], workers: int) -> Iterator[Any]:
    # One thread in each process: the parallelism is over pictures, and oversubscription costs a third.
    # A killed task leaves no process behind that would compute on, or hold its memory, for minutes.
    with parallel_config(backend="loky", inner_max_num_threads=1, initializer=_begin, initargs=_of_this_task()):
        yield from Parallel(n_jobs=workers, return_as="generator")(delayed(function)(*call) for call in calls)
