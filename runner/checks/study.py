"""Whether a study finds its pictures, can be planned, and has room for what it will write."""

from collections.abc import Iterator
from pathlib import Path

from jobs.pictures import MissingPictures, PictureError, find_files
from runner.checks.circumstances import Circumstances
from runner.checks.finding import Finding
from runner.study.config import ConfigError, StudyConfig
from runner.study.model import own_names
from runner.study.plan import Plan, make_plan
from runner.study.space import files_needed, free_bytes, size, space_needed
from srcnn.door import sentence
from srcnn.paths import RootPaths
from srcnn.words import counted


def pictures(asked: Circumstances) -> Iterator[Finding]:
    """Say whether every source of pictures is there."""
    if asked.study is None:
        return
    sources: dict[str, None] = {}
    for run in asked.runs:
        data = run.experiment.data
        for group in (data.train, *(each for _, each in data.sets.values())):
            sources |= dict.fromkeys(group)
    for source in sources:
        try:
            files = find_files(source, RootPaths(asked.root), asked.data_root)
        except MissingPictures as error:
            what, _, remedy = str(error).partition("; ")
            yield Finding("WRONG", what, remedy)
        else:
            yield Finding("ok", f"pictures {source}: {counted(len(files), 'file')}")


def _has_pictures(asked: Circumstances) -> bool:
    return all(finding.state == "ok" for finding in pictures(asked))


def _own_code(asked: Circumstances) -> list[str]:
    """Return the models, losses and metrics of the study that are the user's own: planning imports and so runs them."""
    return own_names(run.experiment for run in asked.runs)


def planned(study: StudyConfig, root: Path, data_root: Path | None) -> Plan | str:
    """Return the plan of a study below a root, or why there can be none."""
    try:
        return make_plan(study, RootPaths(root), data_root)
    except (ConfigError, MissingPictures, PictureError) as error:
        return str(error)
    except OSError as error:
        return sentence(error)


def plan(asked: Circumstances) -> Iterator[Finding]:
    """Say whether the pictures can be used as the study says; this reads all that are new."""
    if asked.study is None or not _has_pictures(asked):
        return
    own = _own_code(asked)
    if own:
        text = f"its tasks and its space are not counted, for that would run code of your own: {', '.join(own)}"
        yield Finding("note", f"{text}; python -m runner.submit STUDY --dry-run does both")
        return
    wanted = asked.plan
    if isinstance(wanted, str):
        yield Finding("WRONG", wanted, "runner.submit would refuse the study with the same words")
        return
    for note in wanted.notes:
        yield Finding("note", note)
    missing = len(wanted.missing())
    yield Finding("ok", f"{counted(len(wanted.tasks), 'task')}, {len(wanted.tasks) - missing} done, {missing} to do")


def space(asked: Circumstances) -> Iterator[Finding]:
    """Say whether what the study will write fits on the disk."""
    if asked.study is None or not _has_pictures(asked) or _own_code(asked) or isinstance(asked.plan, str):
        return
    missing = asked.plan.missing()
    need = space_needed(missing).total()
    left = free_bytes(asked.root)
    text = f"about {size(need)} will be written in {files_needed(missing):,} files, {size(left)} are free"
    if need > left:
        yield Finding("WRONG", text, "keep fewer epochs (render.epochs), clean other studies, or choose another --root")
    else:
        yield Finding("ok", text)
