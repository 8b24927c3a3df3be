"""Finding what a study no longer needs, showing it with its size and price, and removing it."""

import itertools
import os
import sys
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table
from rich.text import Text

from jobs.folders import remove_folder
from runner.ask import agrees
from runner.record.lock import study_lock
from runner.record.removable import REMOVABLE, StudyFiles
from runner.record.tasks import submitted_contents
from runner.record.under_way import attempts_of, refuse_if_under_way
from runner.study.space import size
from runner.study.stages import remade_by
from srcnn.door import Refused
from srcnn.paths import StudyPaths, is_within
from srcnn.schema import Attempt
from srcnn.terminal import Terminal
from srcnn.words import counted, duration


@dataclass(frozen=True)
class FoundFiles:
    """Files of one kind: where they lie (files and whole folders), how many, how large, what they cost to remove.

    ``outside``: what a link or a damaged record says is among them, and lies elsewhere, so that it is left alone.
    """

    kind: str
    places: tuple[Path, ...]
    files: int
    size: int
    cost: str
    chosen: bool
    outside: tuple[Path, ...] = ()


def clean(paths: StudyPaths, what: Sequence[str] | None, yes: bool, show_paths: bool) -> int:
    """Remove the kinds in ``what`` (None: those that cost nothing), once somebody agreed; return the exit status.

    Raises FileNotFoundError, StudyBusyError, StudyUnderWayError or SchedulerError where nothing may be removed.
    """
    study = study_files(paths)
    attempts = list(attempts_of(paths))
    refuse_if_under_way(paths, attempts)
    groups = find(study, what, attempts)
    _show(groups, paths)
    outside = [place for group in groups if group.chosen for place in group.outside]
    for place in outside:
        print(
            f"error: {place} lies in {place.parent.resolve()}, outside of the study: it is left alone", file=sys.stderr
        )
    chosen = [group for group in groups if group.chosen and group.places]
    for place in (place for group in chosen if show_paths for place in group.places):
        print(place)
    if not chosen:
        print("Nothing to remove.")
        return int(bool(outside))
    if not yes and not _agreed(f"Remove {_amount_text(chosen)}?"):
        return 1
    with study_lock(paths, "", "clean"):
        # Meanwhile somebody may have submitted, and what was not needed may be in use.
        attempts = list(attempts_of(paths))
        refuse_if_under_way(paths, attempts, own_lock=True)
        chosen = [group for group in find(study_files(paths), what, attempts) if group.chosen]
        faults = remove(place for group in chosen for place in group.places)
    for fault in faults:
        print(f"error: {fault}", file=sys.stderr)
    print(f"removed {_amount_text(chosen)}")
    return int(bool(faults or outside))


def _amount_text(groups: Sequence[FoundFiles]) -> str:
    """Return how many files there are in some groups, and how large they are."""
    return f"{counted(sum(group.files for group in groups), 'file')}, {size(sum(group.size for group in groups))}"


def study_files(paths: StudyPaths) -> StudyFiles:
    """Return the study with what it holds. Raises FileNotFoundError if there is none."""
    return StudyFiles(paths, submitted_contents(paths), time.time())


def find(study: StudyFiles, what: Sequence[str] | None, attempts: Sequence[Attempt] = ()) -> list[FoundFiles]:
    """Return every kind with its files; ``what`` chooses kinds by name, None those that cost nothing."""
    groups = []
    for kind, each in REMOVABLE.items():
        # A link leads to what lies elsewhere, which is not ours to remove.
        there = [place for place in each.find(study) if place.exists() and not place.is_symlink()]
        inside = [
            any(is_within(place, folder) for folder in (study.paths.folder, study.paths.root.data)) for place in there
        ]
        places = tuple(itertools.compress(there, inside))
        outside = tuple(place for place, is_ours in zip(there, inside, strict=True) if not is_ours)
        sizes = [file.lstat().st_size for place in places for file in _files(place)]
        cost = each.cost + _duration_text(attempts, remade_by(kind)) * bool(places)
        chosen = each.default if what is None else kind in what
        groups.append(FoundFiles(kind, places, len(sizes), sum(sizes), cost, chosen, outside))
    return groups


def _files(place: Path) -> Iterable[Path]:
    if not place.is_dir():
        return [place]
    return [Path(folder, name) for folder, _, names in os.walk(place) for name in names]


def _duration_text(attempts: Sequence[Attempt], stages: Collection[str]) -> str:
    """Return in words how long the tasks took that would be repeated."""
    spent = sum(attempt.end - attempt.start for attempt in attempts if attempt.stage in stages and attempt.end)
    return f" (took {duration(spent)} of tasks)" if spent else ""


def _show(groups: list[FoundFiles], paths: StudyPaths) -> None:
    console = Terminal()
    console.print(f"{paths.folder.name}: what can be removed below {paths.folder}", soft_wrap=True, markup=False)
    console.print(_table(groups))
    others = [group.kind for group in groups if not group.chosen and group.files]
    if others:
        console.print(
            f"* is removed now; name the others to remove them: --what {','.join(others)}", soft_wrap=True, markup=False
        )


def _table(groups: list[FoundFiles]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("", "kind", "files", "size"):
        table.add_column(column, justify="right" if column in ("files", "size") else "left", no_wrap=True)
    table.add_column("what it is")
    table.add_column("what it costs to remove")
    for group in groups:
        style = "" if group.places else "dim"
        mark = "*" if group.chosen else ""
        amount = (str(group.files), size(group.size)) if group.files else ("-", "-")
        texts = (mark, group.kind, *amount, REMOVABLE[group.kind].what, group.cost)
        table.add_row(*(Text(text, style) for text in texts))
    return table


def _agreed(question: str) -> bool:
    """Say whether somebody at a terminal agrees; where there is none, --yes has to."""
    if not sys.stdin.isatty():
        raise Refused("nothing was removed: there is no terminal to ask at; add --yes to remove it", 1)
    if agrees(question):
        return True
    print("Nothing was removed.")
    return False


def remove(places: Iterable[Path]) -> list[str]:
    """Delete files and folders, and return what could not be deleted and why; what is gone already is no fault."""
    faults = []
    for place in places:
        try:
            if place.is_dir():
                remove_folder(place)
            else:
                place.unlink(missing_ok=True)
        except OSError as error:
            faults.append(f"{place}: {error.strerror}")
    return faults
