"""Calls spread over processes, one a core, that end with the task and whose death is no riddle."""

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

KILLS = 3  # more than that before the next result are no accident

logger = logging.getLogger(__name__)


class WorkerKilled(RuntimeError):
    """A process that shared the work was killed, again and again; the message says what to do."""


@dataclass(frozen=True)
class Ended:
    """What stands for the result of a call that ended its process: how, such as ``exit status 3`` or ``SIGSEGV``."""

    how: str


def spread(
    function: Callable[..., Any],
    arguments: Iterable[tuple[Any, ...]],
    workers: int | None,
    endings: bool = False,
    apart: bool = False,
) -> Iterator[Any]:
    """Results of the calls, in order, from as many processes as the task has cores (or ``workers``).

    What a killed process had under way is done again, by half as many: they need less memory, for lack
    of which most are killed. Raises WorkerKilled if that helps in no way. With ``endings``, a call that itself
    ends its process gives an ``Ended`` and costs no other call; with ``apart``, one worker is another process, too.
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
        elif ended:  # by one of the calls under way: which of them, shows when each is made alone
            suspects = 2 * workers


def _how(error: Exception) -> str:
    """How a worker ended, from the words of the library: ``{EXIT(3)}``, ``{SIGSEGV(-11)}``."""
    found = re.search(r"\{.*?(EXIT|SIG\w+)\((-?\d+)\)", str(error))
    if not found:
        return "nobody knows how"
    return f"exit status {found[2]}" if found[1] == "EXIT" else found[1]


def workers_fault() -> str:
    """Why this process cannot share work with others; empty if it can."""
    try:
        multiprocessing.get_context("spawn").Lock()
    except OSError as error:
        return f"no semaphore can be made in /dev/shm ({error.strerror})"
    return ""


def _of_this_task() -> tuple[int, str | None, tuple[str, ...]]:
    """What a worker is told of the task: its process, and where it imports from."""
    return os.getpid(), born(os.getpid()), tuple(sys.path)


def _begin(pid: int, since: str | None, path: tuple[str, ...]) -> None:
    """Begin as a worker: it imports what the task does, and ends with it."""
    sys.path[:] = path
    end_with(pid, since)


def _one_by_one(function: Callable[..., Any], calls: list[tuple[Any, ...]]) -> Iterator[Any]:
    """Results of the calls, each made when the one before it is over, in one other process."""
    with ProcessPoolExecutor(1, initializer=_begin, initargs=_of_this_task()) as executor:
        for call in calls:
            yield executor.submit(function, *call).result()


def _by_workers(function: Callable[..., Any], calls: list[tuple[Any, ...]], workers: int) -> Iterator[Any]:
    # One thread in each process: the parallelism is over pictures, and oversubscription costs a third.
    # A killed task leaves no process behind that would compute on, or hold its memory, for minutes.
    with parallel_config(backend="loky", inner_max_num_threads=1, initializer=_begin, initargs=_of_this_task()):
        yield from Parallel(n_jobs=workers, return_as="generator")(delayed(function)(*call) for call in calls)
