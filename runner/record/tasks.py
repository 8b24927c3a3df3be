"""The tasks of a submitted study as its own files tell them: which there are, and which are done.

No picture is read and no plan is made for it, so ten thousand tasks take a second: ``contents.json`` says which tasks
there are and what each makes, and what lies in the study's folders says which of it is there.
"""

from dataclasses import dataclass

from jobs.attempt import last_attempts
from runner.record.submission import Key, own_attempt
from runner.study.graph import missing_keys
from runner.study.stages import STAGES
from srcnn.contents import Contents, read_contents
from srcnn.damage import AGAIN
from srcnn.door import sentence
from srcnn.outputs import Output, Shelf
from srcnn.paths import StudyPaths
from srcnn.schema import Attempt


@dataclass(frozen=True)
class RecordedTask:
    """One task of a study: the run that it belongs to, what it waits for, whether it is done, its last attempt."""

    stage: str
    name: str
    label: str
    needs: tuple[Key, ...]
    complete: bool
    attempt: Attempt | None
    attempts: int
    damaged: str = ""  # which of its files cannot be used and why, so that it counts as missing
    run: str | None = None

    @property
    def key(self) -> Key:
        """Stage and name."""
        return self.stage, self.name


def submitted_contents(paths: StudyPaths) -> Contents:
    """Return what a study holds as last submitted. Raises FileNotFoundError if it never was, DamagedFile."""
    contents = read_contents(paths)
    if contents is None:
        raise FileNotFoundError(f"{paths.contents}: no such file; is {paths.folder} the folder of a submitted study?")
    return contents


def known_tasks(paths: StudyPaths) -> list[RecordedTask]:
    """Return every task of a study as last submitted, stage by stage. Raises FileNotFoundError if it never was."""
    contents = submitted_contents(paths)
    labels = {run["run_id"]: run["label"] for run in contents["runs"]}
    attempts = {run: last_attempts(paths.run(run).attempts) for run in labels}
    shared = last_attempts(paths.attempts)
    shelf = Shelf()
    there: dict[Key, bool] = {}
    damaged: dict[Key, str] = {}
    needs: dict[Key, list[Key]] = {}
    for task in contents["tasks"]:
        key = task["stage"], task["name"]
        there[key], damaged[key] = _look_at([Output.from_json(output, paths) for output in task["outputs"]], shelf)
        needs[key] = [(stage, name) for stage, name in task.get("needs", [])]
    # What waits for others to end in any way is done if it shows what there is: what became of them, others tell.
    missing = missing_keys(((key, [] if STAGES[key[0]].after else each) for key, each in needs.items()), there)
    known = []
    for task in contents["tasks"]:
        key, run = (task["stage"], task["name"]), task.get("run")
        attempt, count = (attempts[run] if run else shared).get(key, (None, 0))
        attempt = own_attempt(paths, attempt) if attempt else None
        label, complete = labels.get(run or "", ""), key not in missing
        known.append(
            RecordedTask(
                *key, label, tuple(needs[key]), complete, attempt, count, "" if complete else damaged[key], run
            )
        )
    return known


def _look_at(outputs: list[Output], shelf: Shelf) -> tuple[bool, str]:
    """Return whether all outputs of a task are there and whole, and which one cannot be used and why."""
    try:
        if shelf.is_done(outputs):
            return True, ""
        torn = next(filter(None, map(shelf.damaged, outputs)), None)
    except OSError as error:  # a disk that fails; the other tasks can be told all the same
        return False, sentence(error)
    return False, f"{torn}: is damaged; {AGAIN}" if torn else ""
