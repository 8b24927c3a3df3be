"""Files and folders that are taken out of the way, and come back if what they make room for does not happen."""

import os
from collections.abc import Callable
from pathlib import Path

from srcnn.files import temporary_path, write_bytes
from srcnn.regular import read_regular


class Aside:
    """What was taken away, and how files were: all of it can be put back until ``forget`` is called.

    What is taken away lies beside its place, under a temporary name, so that a process that is killed meanwhile
    leaves what ``runner.clean`` removes.
    """

    def __init__(self) -> None:
        self.taken: list[Path] = []
        self._undo: list[Callable[[], None]] = []

    def take(self, place: Path) -> bool:
        """Take away a file or folder; whether there was one."""
        aside = temporary_path(place)
        try:
            os.rename(place, aside)
        except FileNotFoundError:
            return False
        self.taken.append(aside)
        self._undo.append(lambda: os.rename(aside, place))
        return True

    def keep(self, file: Path) -> None:
        """Remember how a file is that is about to be written, or that there is none."""
        try:
            content = read_regular(file)
        except FileNotFoundError:
            self._undo.append(lambda: file.unlink(missing_ok=True))
        else:
            self._undo.append(lambda: write_bytes(file, content))

    def put_back(self) -> None:
        """Make everything as it was."""
        while self._undo:
            self._undo.pop()()
        self.taken = []

    def forget(self) -> list[Path]:
        """Nothing can be put back from now on; where that lies which was taken away, to be deleted."""
        taken, self.taken, self._undo = self.taken, [], []
        return taken
