"""Taking files and folders out of the way, to put them back if what they make room for does not happen."""

import os
from collections.abc import Callable
from pathlib import Path

from srcnn.files import temporary_path, write_bytes
from srcnn.regular import read_regular


class Aside:
    """What was taken away, and what files held before: all of it can be put back until ``forget`` is called.

    What is taken away lies beside its place, under a temporary name: if the process is killed meanwhile,
    ``runner.clean`` removes it.
    """

    def __init__(self) -> None:
        self.taken: list[Path] = []
        self._undo: list[Callable[[], None]] = []

    def take(self, place: Path) -> bool:
        """Take a file or folder away, and say whether there was one."""
        aside = temporary_path(place)
        try:
            os.rename(place, aside)
        except FileNotFoundError:
            return False
        self.taken.append(aside)
        self._undo.append(lambda: os.rename(aside, place))
        return True

    def keep(self, file: Path) -> None:
        """Remember what a file holds that is about to be written, or that there is none."""
        try:
            content = read_regular(file)
        except FileNotFoundError:
            self._undo.append(lambda: file.unlink(missing_ok=True))
        else:
            self._undo.append(lambda: write_bytes(file, content))

    def put_back(self) -> None:
        """Put everything back as it was."""
        while self._undo:
            self._undo.pop()()
        self.taken = []

    def forget(self) -> list[Path]:
        """Give up putting things back, and return where they lie, so that they can be deleted."""
        taken, self.taken, self._undo = self.taken, [], []
        return taken
