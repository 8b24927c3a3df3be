"""Records: what this program writes about its own work and reads again, checked field by field where it is read."""

import dataclasses
import json
import types
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

LONGEST = 40  # letters shown of a value
_WORDS = {int: "an integer", float: "a number", str: "text", bool: "true or false", type(None): "null"}


def record(kind: Any) -> Callable[[Any], Any]:
    """What makes a value of a type of the value in a JSON file: a dataclass, a TypedDict, lists and dicts of them.

    It raises ValueError, in one line, for a field that is missing, unknown or of another type.
    """
    return lambda value: _made(kind, value, "")


def _made(kind: Any, value: Any, place: str) -> Any:
    """The value as one of ``kind``; ``place`` is where in the file it stands."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if origin in (Union, types.UnionType):
        if value is None and type(None) in inner:
            return None
        (kind,) = (each for each in inner if each is not type(None))
        return _made(kind, value, place)
    if origin is Literal:
        return value if value in inner else _refuse(" or ".join(map(json.dumps, inner)), value, place)
    if dataclasses.is_dataclass(kind) or is_typeddict(kind):
        return _object(kind, value, place)
    if origin is dict:
        pairs = value if isinstance(value, dict) else _refuse("an object", value, place)
        return {key: _made(inner[1], each, f"{place}.{key}") for key, each in pairs.items()}
    if origin in (list, tuple):
        several = value if isinstance(value, list) else _refuse("a list", value, place)
        kinds = inner if origin is tuple and inner[-1] is not ... else inner[:1] * len(several)
        if len(kinds) != len(several):
            _refuse(f"{len(kinds)} entries", value, place)
        return origin(_made(each, several[i], f"{place}.{i}") for i, each in enumerate(kinds))
    fits = type(value) is kind or (kind is float and type(value) is int)
    return value if fits else _refuse(_WORDS[kind], value, place)


def _object(kind: Any, value: Any, place: str) -> Any:
    fields = value if isinstance(value, dict) else _refuse("an object", value, place)
    kinds, required = _fields(kind)
    for name in required:
        if name not in fields:
            raise ValueError(f"{place.lstrip('.') or 'it'} has no {name}")
    checked = {}
    for name, each in fields.items():
        if name not in kinds:
            raise ValueError(f"{place.lstrip('.') or 'it'} has a field {shown(name)}, which is unknown")
        if type(each) is str and "\0" in each:  # no path and no number of a job can hold one
            _refuse("text without zero bytes", each, f"{place}.{name}")
        wanted, at_once = kinds[name]
        checked[name] = each if type(each) in at_once else _made(wanted, each, f"{place}.{name}")
    return kind(**checked)


@lru_cache(maxsize=32)
def _fields(kind: Any) -> tuple[dict[str, tuple[Any, frozenset[type]]], tuple[str, ...]]:
    """Of each field its type, and those types whose values need no further look; the names that must be there."""
    hints = get_type_hints(kind)
    kinds = {name: (each, _at_once(each)) for name, each in hints.items()}
    if is_typeddict(kind):
        return kinds, tuple(kind.__required_keys__)
    fields = dataclasses.fields(kind)
    needed = (each.name for each in fields if each.default is each.default_factory is dataclasses.MISSING)
    return {each.name: kinds[each.name] for each in fields}, tuple(needed)


def _at_once(kind: Any) -> frozenset[type]:
    inner = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    found = {each for each in inner if each in _WORDS}
    return frozenset(found | {int} if float in found else found)


def _refuse(expected: str, value: Any, place: str) -> Any:
    raise ValueError(f"{place.lstrip('.') + ': ' if place else ''}expected {expected}, found {shown(value)}")


def shown(value: Any) -> str:
    """A value as JSON writes it, cut where it is long."""
    text = json.dumps(value, default=str)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
