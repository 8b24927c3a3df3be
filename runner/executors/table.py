"""Executors by their names: made, found in a study's record, chosen because they are here."""

import importlib
from collections.abc import Iterator
from functools import lru_cache

from runner.executors.absent import Absent
from runner.executors.executor import Executor
from runner.executors.listed import listed, names
from srcnn.words import told


class UnknownExecutor(ValueError):
    """No executor is called so, or it cannot be imported; the message says which there are."""

    page = "how-to/executor.md"


@lru_cache
def executor(name: str) -> Executor:
    """Return an executor by its name. Raises UnknownExecutor."""
    where = listed().get(name)
    if where is None:
        raise UnknownExecutor(f"there is no executor {name} here; there are {', '.join(names())}")
    module, _, attribute = where.partition(":")
    try:
        made: Executor = getattr(importlib.import_module(module), attribute)()
    except Exception as error:
        raise UnknownExecutor(f"the executor {name} ({where}) cannot be imported: {told(error)}") from error
    return made


def recorded(name: str) -> Executor:
    """Return the executor that a study's record names; in its place, if it is not here, one that says so."""
    try:
        return executor(name)
    except UnknownExecutor as error:
        return Absent(name, f"{error}; install the package that brings it")


def automatic() -> tuple[Executor, str]:
    """Return the first executor that is here, and in words why it is that one."""
    absent = []
    for name in names():
        try:
            candidate = executor(name)
        except UnknownExecutor as error:
            absent.append(str(error))
            continue
        presence = candidate.presence()
        if presence.here:
            return candidate, "; ".join(filter(None, [*absent, presence.words]))
        absent.append(presence.words)
    raise UnknownExecutor("; ".join(absent))


def elsewhere() -> Iterator[Executor]:
    """Give the executors whose jobs go on by themselves, as far as they can be imported."""
    for name in names():
        candidate = recorded(name)
        if candidate.is_elsewhere and not isinstance(candidate, Absent):
            yield candidate


def enclosing_job() -> str | None:
    """Return the id of the scheduler's job that this very process is part of; None if it is part of none."""
    return next(filter(None, (other.enclosing_job() for other in elsewhere())), None)
