"""Scores that are safe once they are computed: a line a picture, until the whole table is written.

Whatever ends the command (a kill, a full disk, a node that is lost) costs the picture under way and
no other; the same command goes on from what is there.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from srcnn.clips import clip_digest, is_clip
from srcnn.damage import set_aside
from srcnn.files import PictureError
from srcnn.records import record
from srcnn.regular import NotRegular, open_regular, read_regular
from srcnn.schema import INTEGER_COLUMNS, KEY_COLUMNS

FileState = list[str]
Row = dict[str, Any]
BEGINNING = b'{"name": '  # of every line


class _Kept(TypedDict):
    """A line: rows of one picture, and the state of the files that they are scored from."""

    name: str
    state: FileState  # in a study, whose pictures are known by their ids: what computed the rows
    rows: list[dict[str, Any]]


@dataclass(frozen=True)
class KeptScores:
    """A file of JSON lines: a picture's name, the state of the files that it is scored from, its rows."""

    file: Path

    def read(self, files: Mapping[str, tuple[Path, ...]]) -> dict[str, list[Row]]:
        """Return the rows of the pictures whose files did not change since they were scored, by name."""
        kept = {name: (state, rows) for name, state, rows in self._lines() if name in files}
        return {name: rows for name, (state, rows) in kept.items() if state == state_of(*files[name])}

    def rows(self) -> list[Row]:
        """Return the rows of all pictures, whether their files changed since or not."""
        kept = {name: rows for name, _, rows in self._lines()}
        return [row for rows in kept.values() for row in rows]

    def states(self) -> set[str]:
        """Return everything that the pictures' states hold."""
        return {part for _, state, _ in self._lines() for part in state}

    def _lines(self) -> Iterator[tuple[str, FileState, list[Row]]]:
        try:
            lines = read_regular(self.file).split(b"\n")
        except (FileNotFoundError, IsADirectoryError, NotRegular):
            return
        for line in lines:
            try:
                kept = _kept(json.loads(line))
            except (ValueError, RecursionError):  # cut by what ended the command
                continue
            if all(map(_is_row, kept["rows"])):
                yield kept["name"], kept["state"], kept["rows"]

    @contextmanager
    def adding(self) -> Iterator[Callable[[str, FileState, list[Row]], None]]:
        """Give a function that keeps the rows of one picture: once it returns they outlive this process."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(self.file) and not self.file.is_file():
            set_aside(self.file)
        with self.file.open("ab") as file:
            file.write(b"\n")  # ends a line that was cut

            def add(name: str, state: FileState, rows: list[Row]) -> None:
                file.write(json.dumps({"name": name, "state": state, "rows": rows}).encode() + b"\n")
                file.flush()

            yield add


def is_kept(file: Path) -> bool:
    """Say whether a file begins as one of kept scores does; an empty one is just begun."""
    if file.is_symlink() or not file.is_file():
        return False
    with open_regular(file) as content:
        start = content.read(1 << 16)
    line = start.lstrip(b"\n")[: len(BEGINNING)]
    return not start or (start.startswith(b"\n") and BEGINNING.startswith(line))


_kept = record(_Kept)


def _is_row(row: Row) -> bool:
    """Say whether the table of scores takes a row: its columns in their types."""
    if not row.keys() > set(KEY_COLUMNS):
        return False
    for name, value in row.items():
        kinds = (int,) if name in INTEGER_COLUMNS else (str,) if name in KEY_COLUMNS else (float, int)
        if value is not None and (type(value) not in kinds or (type(value) is int and abs(value) >= 2**31)):
            return False
    return True


def state_of(*files: Path) -> FileState:
    """Return the digest of every file that can be read."""
    state = []
    for file in files:
        try:
            if is_clip(file):  # read once, not once a frame
                state.append(clip_digest(file))
                continue
            with open_regular(file) as content:
                state.append(hashlib.file_digest(content, "sha256").hexdigest())  # type: ignore[arg-type]
        except (OSError, PictureError):
            continue
    return state
