"""What a study held when it was last submitted: ``contents.json``, for whoever reads the results."""

import re
import shlex
from typing import Any, Literal, NotRequired, TypedDict

from srcnn.damage import DamagedFile
from srcnn.files import read_json
from srcnn.outputs import OutputRecord, require_own_place
from srcnn.paths import StudyPaths, is_set_name
from srcnn.records import record, shown

LAYOUT = 2  # of a study's folder; raised when files lie elsewhere, or mean something else, than before
IDS = ("run_id", "eval_id", "degradation_id", "data_id")


class RunContents(TypedDict):
    """A run: its ids, its label, the epochs that are kept, the number of blocks that it is scored in.

    ``weights``: how many numbers its network learns; ``multiplications``: of it, for each pixel of a restored picture.
    """

    run_id: str
    label: str
    variant: NotRequired[str]
    seed: NotRequired[int]
    eval_id: str
    degradation_id: str
    data_id: NotRequired[str | None]
    epochs: list[int]
    shards: int
    weights: NotRequired[int]
    multiplications: NotRequired[int]


class SetContents(TypedDict):
    """A set of pictures: what it is for, the id of its content, the number of frames of each clip by its name."""

    group: Literal["test", "eval"]
    set_id: str
    clips: NotRequired[dict[str, int]]


class TaskContents(TypedDict):
    """A task: its stage, its name, the run that it belongs to, if any, the tasks that it needs, what it makes."""

    stage: str
    name: str
    run: NotRequired[str]
    needs: NotRequired[list[list[str]]]  # their stages and names
    outputs: list[OutputRecord]


class Contents(TypedDict):
    """A study: its name, its runs, its sets by name, its tasks in an order in which they could run one by one."""

    layout: int  # of the study's folder: LAYOUT
    study: str
    notes: NotRequired[list[str]]
    data_root: NotRequired[str | None]
    runs: list[RunContents]
    sets: dict[str, SetContents]
    tasks: list[TaskContents]


ID = re.compile(r"[a-z][0-9a-z]{1,40}")  # of what short_hash makes, and never a path


def _checked(value: Any) -> Contents:
    """Return a study's contents. Raises ValueError, also where an id or a set's name would lead elsewhere as a path."""
    contents: Contents = record(Contents)(value)
    ids = {f"runs.{i}.{name}": run.get(name) for i, run in enumerate(contents["runs"]) for name in IDS}
    ids |= {f"sets.{name}.set_id": of_set["set_id"] for name, of_set in contents["sets"].items()}
    for place, value in ids.items():
        if value is not None and not ID.fullmatch(str(value)):
            raise ValueError(f"{place}: expected an id such as r1e7408ea0f, found {shown(value)}")
    for name in contents["sets"]:
        if not is_set_name(name):
            raise ValueError(f"sets: {shown(name)} names no set")
    runs = {run["run_id"] for run in contents["runs"]}
    for i, task in enumerate(contents["tasks"]):
        if "run" in task and task["run"] not in runs:
            raise ValueError(f"tasks.{i}.run: the study has no run {shown(task['run'])}")
        for output in task["outputs"]:
            require_own_place(output["place"])
            require_own_place(output.get("history", output["place"]))
    return contents


class OtherLayout(DamagedFile):
    """The error of a study that another version of this program made: its files are neither understood nor touched."""

    def fault(self) -> str:
        """Return what is known of the study."""
        return f"this study was made by another version (layout {self.reason}; this one knows {LAYOUT})"


def read_contents(paths: StudyPaths) -> Contents | None:
    """Return the study's runs, sets and ids; None if nothing was submitted into the folder.

    Raises DamagedFile, and OtherLayout for a study of another version.
    """
    again = shlex.quote(str(paths.folder))
    value = read_json(paths.contents, _object, f"python -m runner.submit {again} writes it again")
    if value is None:
        return None
    layout = value.get("layout", 1)  # the first one did not say
    if layout != LAYOUT and isinstance(layout, int) and "runs" in value:
        elsewhere = (
            "submit the study's own file anew, below another root: python -m runner.submit FILE --root ELSEWHERE"
        )
        raise OtherLayout(paths.contents, layout, elsewhere)
    try:
        return _checked(value)
    except ValueError as error:
        raise DamagedFile(paths.contents, error, f"python -m runner.submit {again} writes it again") from error


def _object(value: Any) -> dict[str, Any]:
    made: dict[str, Any] = record(dict[str, Any])(value)
    return made
