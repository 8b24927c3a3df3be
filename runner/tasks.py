"""The tasks of a submitted study as its own files tell them: which there are, and which are done.

No picture is read and no plan is made for it, so ten thousand tasks take a second. What a stage
promises is checked by name (checkpoints, shards, folders), as the study's ``contents.json`` says.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.attempt import last_attempts
from runner.submission import Key, own_attempt
from srcnn.contents import RunContents, read_contents
from srcnn.files import names_in
from srcnn.paths import GROUPS, StudyPaths, epoch_name
from srcnn.schema import Attempt
from srcnn.shards import find_shard, has_shard
from srcnn.whole import is_cut


@dataclass(frozen=True)
class KnownTask:
    """One task of a study: what it waits for, whether its files are there, how its last attempt went."""

    stage: str
    name: str
    label: str
    needs: tuple[Key, ...]
    complete: bool
    attempt: Attempt | None
    attempts: int
    damaged: Path | None = None  # a file of its own that is not whole, so that it counts as missing

    @property
    def key(self) -> Key:
        """Stage and name."""
        return self.stage, self.name


def known_tasks(paths: StudyPaths) -> list[KnownTask]:
    """Every task of a study as last submitted, stage by stage. Raises FileNotFoundError if it never was."""
    contents = read_contents(paths)
    if contents is None:
        raise FileNotFoundError(f"{paths.contents}: no such file; is {paths.folder} the folder of a submitted study?")
    shared = last_attempts(paths.attempts)
    scored = bool(contents["sets"])
    stages: dict[str, dict[str, KnownTask]] = {
        stage: {} for stage in ("prepare", "baseline", "train", "render", "evaluate", "report")
    }

    def add(
        stage: str,
        name: str,
        needs: list[Key],
        complete: bool,
        attempts: Any,
        label: str = "",
        damaged: Path | None = None,
    ) -> None:
        attempt, count = attempts.get((stage, name), (None, 0))
        attempt = own_attempt(paths, attempt) if attempt else None
        complete &= damaged is None
        task = KnownTask(stage, name, label, tuple(needs), complete, attempt, count, damaged)
        stages[stage].setdefault(name, task)

    groups = {GROUPS[each["group"]] for each in contents["sets"].values()}
    for run in contents["runs"]:
        run_id, run_paths = run["run_id"], paths.run(run["run_id"])
        own = last_attempts(run_paths.attempts)
        trained = _is_trained(run, names_in(run_paths.checkpoints))
        needs: list[Key] = []
        patches = run.get("data_id")  # studies of an earlier version do not say
        if patches:
            file = paths.root.patches(patches)
            torn = file if not trained and is_cut(file) else None
            add("prepare", patches, [], trained or file.exists(), shared, damaged=torn)
            needs = [("prepare", patches)]
        add("train", run_id, needs, trained, own, run["label"])
        if not scored:
            continue
        baseline = paths.shard(run["degradation_id"], run["eval_id"], 0, 0)
        if run["degradation_id"] not in stages["baseline"]:
            add("baseline", run["degradation_id"], [], has_shard(baseline), shared, damaged=_cut([baseline]))
        blocks = list(_scored_blocks(paths, run))
        drawn = all(blocks) or (_outcome(own, ("render", run_id)) == "done" and _has_epochs(run_paths, run, groups))
        add("render", run_id, [("train", run_id)], drawn, own, run["label"])
        for block, there in enumerate(blocks):
            torn = _cut(_shards(paths, run, block)) if there else None
            add("evaluate", f"{run_id}.{block}", [("render", run_id)], there, own, run["label"], torn)
    last = [task.key for stage in ("baseline", "train", "evaluate") for task in stages[stage].values()]
    add("report", "report", last, paths.report_page.exists(), shared)
    return [task for of_stage in stages.values() for task in of_stage.values()]


def _is_trained(run: RunContents, there: set[str]) -> bool:
    return "last.pt" in there and all(f"{epoch_name(epoch)}.pt" in there for epoch in run["epochs"])


def _scored_blocks(paths: StudyPaths, run: RunContents) -> Iterator[bool]:
    """For each block of pictures, whether the shard of every kept epoch is there."""
    there = names_in(paths.scores(run["run_id"]))
    for block in range(run["shards"]):
        shards = _shards(paths, run, block)
        yield all(shard.name in there or (_compacted(there) and has_shard(shard)) for shard in shards)


def _shards(paths: StudyPaths, run: RunContents, block: int) -> list[Path]:
    return [paths.shard(run["run_id"], run["eval_id"], epoch, block) for epoch in run["epochs"]]


def _cut(shards: list[Path]) -> Path | None:
    """The first file of some shards that is empty, cut or no file of scores at all; None if all are whole."""
    files = dict.fromkeys(place.file for shard in shards if (place := find_shard(shard)))
    return next(filter(is_cut, files), None)


def _compacted(names: set[str]) -> bool:
    return any(name.startswith("compact-") for name in names)


def _has_epochs(run_paths: Any, run: RunContents, groups: set[str]) -> bool:
    wanted = {epoch_name(epoch) for epoch in run["epochs"]}
    return all(wanted <= names_in(run_paths.folder / group) for group in groups)


def _outcome(attempts: dict[Key, tuple[Attempt, int]], key: Key) -> str | None:
    return attempts[key][0].outcome if key in attempts else None
