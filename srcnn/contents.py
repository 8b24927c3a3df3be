"""What a study holds as it was last submitted: ``contents.json``, for whoever reads the results."""

import shlex
from typing import Any

from srcnn.files import read_json
from srcnn.paths import StudyPaths

RUN = ("run_id", "label", "eval_id", "degradation_id", "epochs", "shards")


def read_contents(paths: StudyPaths) -> dict[str, Any] | None:
    """The study's runs, sets and ids; None if nothing was submitted into the folder.

    Raises DamagedFile.
    """
    remedy = f"python -m runner.submit {shlex.quote(str(paths.folder))} writes it again"
    found: dict[str, Any] | None = read_json(paths.contents, _checked, remedy)
    return found


def _checked(value: Any) -> dict[str, Any]:
    for run in value["runs"]:
        if not all(name in run for name in RUN):
            raise ValueError(f"a run has {', '.join(run)}, and not all of {', '.join(RUN)}")
    for name, each in value["sets"].items():
        if not {"group", "set_id"} <= set(each):
            raise ValueError(f"set {name} has no group or no id")
    return dict(value)
