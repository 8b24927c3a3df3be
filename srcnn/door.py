"""The one door out of every command: what its surroundings do to it ends in a sentence, a fault of ours in a traceback.

A full disk, a folder of somebody else, a damaged file or a text that is no UTF-8 is nothing that a
stack of calls explains. Set SRCNN_DEBUG=1 to see it all the same.
"""

import errno
import functools
import io
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import Any

from srcnn.damage import DamagedFile

DEBUG = "SRCNN_DEBUG"
_ROOM = "make room (python -m runner.clean STUDY_DIR shows what can go) or choose another folder"
_OWNER = "see whose it is with ls -ld; a copy in a folder of your own can be written"
# What to do about an error of the operating system, by its number.
REMEDIES = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EACCES: _OWNER,
    errno.EPERM: _OWNER,
    errno.EROFS: "it can only be read there; copy it to a folder that can be written",
    errno.ENAMETOOLONG: "shorten the name, or the folders above it",
    errno.ENOENT: "look for it with ls, and whether a folder above it is a link that leads nowhere",
    errno.EISDIR: "a folder is in the place of a file; move it away",
    errno.ENOTDIR: "a file is in the place of a folder; move it away",
    errno.EMFILE: "raise the number of open files with ulimit -n",
    errno.EIO: "the disk or its server failed; try again, then ask whoever runs it",
    errno.ESTALE: "the file server lost it; try again",
    errno.ENOMEM: "give it more memory, or fewer processes at once",
}

Main = Callable[..., int]


def command(main: Main) -> Main:
    """``main`` of a command, ending in one sentence and status 2 where its surroundings are at fault.

    Whoever stops reading its output (``| head``) does not stop the command; ``is_unread`` tells
    those that would go on printing for ever.
    """

    @functools.wraps(main)
    def guarded(argv: Sequence[str] | None = None) -> int:
        _never_raise_in_print()
        if os.environ.get(DEBUG):
            return main(argv)
        try:
            return main(argv)
        except KeyboardInterrupt:
            return 130
        except (OSError, UnicodeError, MemoryError, RecursionError, DamagedFile) as error:
            ours = isinstance(error, DamagedFile) or (isinstance(error, OSError) and error.errno is None)
            print(f"error: {sentence(error)}{'' if ours else f' ({DEBUG}=1 shows where)'}", file=sys.stderr)
            return 2

    return guarded


def sentence(error: BaseException) -> str:
    """An error in one sentence: which file, what is wrong with it, what to do."""
    if isinstance(error, shutil.Error) and error.args and isinstance(error.args[0], list):
        (source, target, why), *others = error.args[0]
        more = f" (and {len(others)} more)" if others else ""
        return f"{source} could not be copied to {target}: {why}{more}; make it readable or move it away"
    if isinstance(error, OSError) and error.errno is not None:
        path = error.filename2 if error.errno == errno.ENAMETOOLONG and error.filename2 else error.filename
        where = f"{os.fsdecode(path)}: " if isinstance(path, str | bytes | os.PathLike) else ""
        remedy = REMEDIES.get(error.errno)
        return f"{where}{error.strerror}" + (f"; {remedy}" if remedy else "")
    if isinstance(error, UnicodeDecodeError):
        return f"a text is no {error.encoding} ({error.reason} at byte {error.start}); save it as UTF-8"
    if isinstance(error, MemoryError):
        return f"the memory is used up{f' ({error})' if str(error) else ''}; {REMEDIES[errno.ENOMEM]}"
    if isinstance(error, RecursionError):
        return "a file is nested deeper than can be read"
    return str(error) or type(error).__name__


def is_unread() -> bool:
    """Whether whoever read the output of this command has gone."""
    return _Forgiving.unread


class _Forgiving(io.FileIO):
    """Standard output that takes everything, also when nobody reads it any more."""

    unread = False

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data) or 0
        except BrokenPipeError:
            _Forgiving.unread = True
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())
            os.close(null)
            return memoryview(data).nbytes


def _never_raise_in_print() -> None:
    """From now on a letter that the terminal lacks, or a reader that has gone, ends no command."""
    out = sys.stdout
    if isinstance(out, io.TextIOWrapper) and out is sys.__stdout__ and not _is_forgiving(out):
        out.flush()
        sys.stdout = sys.__stdout__ = io.TextIOWrapper(  # type: ignore[misc]
            io.BufferedWriter(_Forgiving(out.fileno(), "w", closefd=False)),
            out.encoding,
            "backslashreplace",
            line_buffering=out.line_buffering,
            write_through=out.write_through,
        )
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(errors="backslashreplace")


def _is_forgiving(out: io.TextIOWrapper) -> bool:
    return isinstance(getattr(out.buffer, "raw", None), _Forgiving)
