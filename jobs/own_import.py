"""The user's own code, imported by the process that jobs.own_check starts: what it did, and whether it fits."""

import contextlib
import json
import os
import sys
from typing import Any

from jobs.own_check import OwnCode
from srcnn.metrics import find
from srcnn.own_code import own_attribute
from srcnn.words import said, told

LONGEST = 200  # letters of what it printed


def import_subjects(folder: str, subjects: list[dict[str, Any]]) -> None:
    """Import what the subjects name, write a line of results after each, and end the process."""
    results = os.open(f"{folder}/results", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for fields in subjects:
        os.write(results, json.dumps(_checked(OwnCode(**fields), folder)).encode() + b"\n")
    os._exit(0)  # whatever threads it started, and whatever it would do at the end


def _checked(subject: OwnCode, folder: str) -> dict[str, Any]:
    who, fault, notes = f"{subject.kind} {subject.name!r}", "", []
    place, path, printed = os.getcwd(), list(sys.path), os.path.getsize(f"{folder}/printed")
    try:
        own_attribute(subject.name)
    except KeyboardInterrupt as error:  # Ctrl-C does not reach this process: the code raised it
        fault = f"{who}: raised {told(error)} when it was imported"
    except ValueError as error:
        fault = f"{who}: {error}"
    text = _printed_since(folder, printed)
    if text:
        notes.append(f"{who} prints when it is imported: {text[:LONGEST]}{'...' * (len(text) > LONGEST)}")
    if _working_folder() != place:
        notes.append(f"{who} changes the working folder to {_working_folder()} when it is imported")
        os.chdir(place)
    if sys.path != path:
        added = ", ".join(str(place) for place in sys.path if place not in path)
        more = f" (adds {added})" if added else ""
        notes.append(f"{who} changes sys.path when it is imported{more}: what it imports by that is in no id")
    stated: dict[str, int] = {}
    return {"fault": fault or _fault(subject, stated), "notes": notes, "stated": stated}


def _printed_since(folder: str, start: int) -> str:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # the user's code may have put anything there
            stream.flush()
    with open(f"{folder}/printed", "rb") as file:
        file.seek(start)
        return " ".join(file.read(100 * LONGEST).decode(errors="replace").split())


def _working_folder() -> str:
    try:
        return os.getcwd()
    except OSError:
        return "one that is gone"


def _fault(subject: OwnCode, stated: dict[str, int]) -> str:
    """Return why a metric, model or loss that could be imported cannot be used; empty if it can.

    What a model states of itself goes into ``stated``.
    """
    try:
        if subject.kind == "metric":
            find(subject.name)
        elif subject.kind == "loss":
            from srcnn.losses.build import check_loss

            check_loss(
                subject.name,
                json.loads(subject.settings),
                patch_size=subject.patch_size,
                border=subject.border,
                input_scale=subject.scale,
            )
        else:
            from srcnn.models.build import check_model  # torch, which a metric does without

            numbers = check_model(
                subject.name,
                residual=subject.residual,
                patch_size=subject.patch_size,
                scale=subject.scale,
                settings=json.loads(subject.settings),
            )
            stated.update(numbers)
    except ValueError as error:
        return said(error)
    except BaseException as error:  # noqa: BLE001 - a constructor of somebody else's may raise anything
        return f"{subject.kind} {subject.name!r} raised {told(error)}"
    return ""
