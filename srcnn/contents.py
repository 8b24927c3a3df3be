"""What a study holds as it was last submitted: ``contents.json``, for whoever reads the results."""

import re
import shlex
from typing import Any, Literal, NotRequired, TypedDict

from srcnn.files import read_json
from srcnn.outputs import OutputRecord
from srcnn.paths import StudyPaths, is_set_name
from srcnn.records import record, shown

IDS = ("run_id", "eval_id", "degradation_id", "data_id")


class RunContents(TypedDict):
    """A run: its ids, its label, which epochs are kept, in how many blocks it is scored."""

    run_id: str
    label: str
    variant: NotRequired[str]
    seed: NotRequired[int]
    eval_id: str
    degradation_id: str
    data_id: NotRequired[str | None]
    epochs: list[int]
    shards: int


class SetContents(TypedDict):
    """A set of pictures: what it is for, and the id of its content."""

    group: Literal["test", "eval"]
    set_id: str


class TaskContents(TypedDict):
    """A task: its stage, its name, the run that it belongs to, if any, the tasks that it needs, what it makes."""

    stage: str
    name: str
    run: NotRequired[str]
    needs: NotRequired[list[list[str]]]  # stage and name of each
    outputs: list[OutputRecord]


class Contents(TypedDict):
    """A study: its name, its runs, its sets by name, its tasks in an order in which they could run one by one."""

    study: str
    notes: NotRequired[list[str]]
    data_root: NotRequired[str | None]
    runs: list[RunContents]
    sets: dict[str, SetContents]
    tasks: list[TaskContents]


ID = re.compile(r"[a-z][0-9a-z]{1,40}")  # of what short_hash makes, and never a path


def _checked(value: Any) -> Contents:
    """A study's contents, of which no id and no set's name leads elsewhere. Raises ValueError."""
    contents: Contents = record(Contents)(value)
    ids = {f"runs.{i}.{name}": run.get(name) for i, run in enumerate(contents["runs"]) for name in IDS}
    ids |= {f"sets.{name}.set_id": each["set_id"] for name, each in contents["sets"].items()}
    for place, found in ids.items():
        if found is not None and not ID.fullmatch(str(found)):
            raise ValueError(f"{place}: expected an id such as r1e7408ea0f, found {shown(found)}")
    for name in contents["sets"]:
        if not is_set_name(name):
            raise ValueError(f"sets: {shown(name)} names no set")
    return contents


def read_contents(paths: StudyPaths) -> Contents | None:
    """The study's runs, sets and ids; None if nothing was submitted into the folder.

    Raises DamagedFile.
    """
    remedy = f"python -m runner.submit {shlex.quote(str(paths.folder))} writes it again"
    found: Contents | None = read_json(paths.contents, _checked, remedy)
    return found
