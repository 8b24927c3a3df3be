"""What a study holds as it was last submitted: ``contents.json``, for whoever reads the results."""

import shlex
from typing import Literal, NotRequired, TypedDict

from srcnn.files import read_json
from srcnn.paths import StudyPaths
from srcnn.records import record


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


class Contents(TypedDict):
    """A study: its name, its runs, its sets by name."""

    study: str
    notes: NotRequired[list[str]]
    data_root: NotRequired[str | None]
    runs: list[RunContents]
    sets: dict[str, SetContents]


def read_contents(paths: StudyPaths) -> Contents | None:
    """The study's runs, sets and ids; None if nothing was submitted into the folder.

    Raises DamagedFile.
    """
    remedy = f"python -m runner.submit {shlex.quote(str(paths.folder))} writes it again"
    found: Contents | None = read_json(paths.contents, record(Contents), remedy)
    return found
