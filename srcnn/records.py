"""Records: what this program writes about its own work and reads again, checked field by field where it is read."""

import dataclasses
import json
import types
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from srcnn.words import printable

LONGEST = 40  # letters shown of a value
_WORDS = {int: "an integer", float: "a number", str: "text", bool: "true or false", type(None): "null"}


def record(kind: Any) -> Callable[[Any], Any]:
    """Return a function that makes a ``kind`` of what a JSON file holds.

    A kind is a dataclass or a TypedDict, or lists and dicts of them. The function raises ValueError, in one line, for
    a field that is missing, unknown or of another type.
    """
    return lambda value: _made(kind, value, "")


def _made(kind: Any, value: Any, place: str) -> Any:
    """Return the value as one of ``kind``; ``place`` is where in the file it stands."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if origin in (Union, types.UnionType):
        if value is None and type(None) in inner:
            return None
        (kind,) = (member for member in inner if member is not type(None))
        return _made(kind, value, place)
    if origin is Literal:
        return value if value in inner else _refuse(" or ".join(map(json.dumps, inner)), value, place)
    if dataclasses.is_dataclass(kind) or is_typeddict(kind):
        return _object(kind, value, place)
    if origin is dict:
        pairs = value if isinstance(value, dict) else _refuse("an object", value, place)
        return {key: _made(inner[1], held, f"{place}.{printable(key)}") for key, held in pairs.items()}
    if origin in (list, tuple):
        several = value if isinstance(value, list) else _refuse("a list", value, place)
        kinds = inner if origin is tuple and inner[-1] is not ... else inner[:1] * len(several)
        if len(kinds) != len(several):
            _refuse(f"{len(kinds)} entries", value, place)
        return origin(_made(wanted, several[i], f"{place}.{i}") for i, wanted in enumerate(kinds))
    fits = type(value) is kind or (kind is float and type(value) is int)
    return value if fits else _refuse(_WORDS[kind], value, place)


def _object(kind: Any, value: Any, place: str) -> Any:
    fields = value if isinstance(value, dict) else _refuse("an object", value, place)
    kinds, required = _fields(kind)
    for name in required:
        if name not in fields:
            raise ValueError(f"{place.lstrip('.') or 'it'} has no {name}")
    checked = {}
    for name, held in fields.items():
        if name not in kinds:
            raise ValueError(f"{place.lstrip('.') or 'it'} has a field {shown(name)}, which is unknown")
        if type(held) is str and "\0" in held:  # no path and no number of a job can hold one
            _refuse("text without zero bytes", held, f"{place}.{name}")
        wanted, at_once = kinds[name]
        checked[name] = held if type(held) in at_once else _made(wanted, held, f"{place}.{name}")
    return kind(**checked)


@lru_cache(maxsize=32)
def _fields(kind: Any) -> tuple[dict[str, tuple[Any, frozenset[type]]], tuple[str, ...]]:
    """Return the fields' types, each with those whose values need no further look, and the names that are required."""
    hints = get_type_hints(kind)
    kinds = {name: (hint, _at_once(hint)) for name, hint in hints.items()}
    if is_typeddict(kind):
        return kinds, tuple(kind.__required_keys__)
    fields = dataclasses.fields(kind)
    needed = (field.name for field in fields if field.default is field.default_factory is dataclasses.MISSING)
    return {field.name: kinds[field.name] for field in fields}, tuple(needed)


def _at_once(kind: Any) -> frozenset[type]:
    """Return the types whose values are of ``kind`` as they are; JSON writes some floats as integers."""
    inner = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    plain = {member for member in inner if member in _WORDS}
    return frozenset(plain | {int} if float in plain else plain)


def _refuse(expected: str, value: Any, place: str) -> Any:
    raise ValueError(f"{place.lstrip('.') + ': ' if place else ''}expected {expected}, found {shown(value)}")


def shown(value: Any) -> str:
    """Return a value as JSON writes it, cut where it is long."""
    text = json.dumps(value, default=str)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
