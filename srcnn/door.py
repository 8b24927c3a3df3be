"""The one door out of every command: a fault of its surroundings ends in a sentence, a fault of ours in a traceback.

A stack of calls does not explain a full disk, a folder of somebody else, a damaged file or a text
that is not UTF-8.
"""

import errno
import functools
import io
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from srcnn.damage import DamagedFile
from srcnn.pages import OF_COMMANDS, page
from srcnn.words import printable, said, text_of

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
    errno.EEXIST: "a file, or a link that leads nowhere, is in the place of a folder; move it away or choose another",
    errno.ENOTEMPTY: "a folder is in its place; move it away",
    errno.ELOOP: "links lead in a circle there; remove one of them",
    errno.EXDEV: "its folder is on two file systems; choose another",
    errno.EFBIG: "files may not grow so large here; see ulimit -f",
    errno.EBUSY: "something uses it; try again",
    errno.EMFILE: "raise the number of open files with ulimit -n",
    errno.EIO: "the disk or its server failed; try again, then ask whoever runs it",
    errno.ESTALE: "the file server lost it; try again",
    errno.ENOMEM: "give it more memory, or fewer processes at once",
}

LEAST_FREE = 1 << 20  # bytes; with less no record of an error may have found room
# The kinds of files whose libraries raise errors of their own, by the libraries' names: none is imported for this.
READERS = {"json": "JSON", "yaml": "YAML", "pyarrow": "Parquet"}
_OUTPUT_LOST = "what was printed could not be written"
_PLEASE = "This is a fault of the program, not of yours: please report it, with these lines and the command."

Main = Callable[..., int]


class Refused(Exception):
    """The error of what cannot be done as asked: its sentence, or the error that says it, and the exit status.

    The door prints it with the page that helps: the error's own (``page``), or that of the command.
    """

    def __init__(self, why: BaseException | str, status: int = 2) -> None:
        super().__init__(why)
        self.why, self.status = why, status


def command(main: Main) -> Main:
    """Return a ``main`` that ends in one sentence and status 2 where its surroundings are at fault.

    Where the error arose stands in a log that the sentence names, or in the terminal with ``--debug``. Whoever stops
    reading the output (``| head``), closes it or has no room for it does not stop the command; a command that would
    print for ever asks ``is_unread``.
    """
    return _through_the_door(main, answers=False)


def answer(main: Main) -> Main:
    """Return a ``main`` as ``command`` does, with status 2 if its output, all that it makes, could not be written."""
    return _through_the_door(main, answers=True)


def _through_the_door(main: Main, answers: bool) -> Main:
    @functools.wraps(main)
    def guarded(argv: Sequence[str] | None = None) -> int:
        guard_output()
        words = list(sys.argv[1:] if argv is None else argv)
        before = words[: words.index("--")] if "--" in words else words
        debug = "--debug" in before
        if debug:
            words.remove("--debug")
        if "" in words:  # as a path it would be the working folder
            print(
                f"error: argument {words.index('') + 1} is empty; is a variable of the shell not set?", file=sys.stderr
            )
            return 2
        try:
            os.getcwd()
        except FileNotFoundError:  # torch would end the process with a word of its own
            print("error: the working folder is gone; change to one that is there with cd", file=sys.stderr)
            return 2
        status = _ended(main, words, debug)
        lost = _flushed()
        if lost is not None:
            print(f"error: {_OUTPUT_LOST}: {sentence(lost)}", file=sys.stderr)
            return status or 2 * answers
        return status

    guarded.is_behind_the_door = True  # type: ignore[attr-defined]
    return guarded


def _ended(main: Main, words: list[str], debug: bool) -> int:
    """Run a command and return its status, whatever it meets. Raises what is a fault of ours."""
    try:
        return main(words)
    except KeyboardInterrupt:
        return 130
    except SystemExit as error:
        if error.code == 0 and {"-h", "--help"} & set(words):
            print("\nEvery command also takes --debug: where an error arose is then shown.")
            if name := _page_of(main):
                print(f"More: {page(name)}")
        raise
    except Refused as refusal:
        why = refusal.why
        print(f"error: {why if isinstance(why, str) else sentence(why)}", file=sys.stderr)
        if name := getattr(why, "page", None) or _page_of(main):
            print(f"more: {page(name)}", file=sys.stderr)
        return refusal.status
    except Exception as error:
        if not is_of_the_surroundings(error):
            error.add_note(_PLEASE)
            raise
        told = isinstance(error, DamagedFile) or (isinstance(error, OSError) and error.errno is None)
        trace = "".join(traceback.format_exception(error))
        where = "" if told or debug else _logged(trace)
        if debug:
            print(trace, file=sys.stderr)
        print(f"error: {sentence(error)}{where}", file=sys.stderr)
        return 2


def _page_of(main: Main) -> str | None:
    """Return the page that helps with a command, by its module's own name, also where that is run as __main__."""
    module = main.__globals__["__spec__"]
    return OF_COMMANDS.get(module.name) if module else None


def is_of_the_surroundings(error: Exception) -> bool:
    """Say whether an error is what a disk, a file or the memory does to a program, and no fault of ours."""
    kinds = (OSError, UnicodeError, MemoryError, RecursionError, DamagedFile)
    return isinstance(error, kinds) or _reader(error) is not None


def _reader(error: BaseException) -> str | None:
    """Return what kind of file could not be read, where a library's own error came through; else None."""
    packages = (base.__module__.partition(".")[0] for base in type(error).__mro__)
    return next((READERS[name] for name in packages if name in READERS), None)


def _logged(trace: str) -> str:
    """Write the stack of calls to a log, and return in words where."""
    try:
        descriptor, path = tempfile.mkstemp(prefix="srcnn-", suffix=".log")
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(trace)
    except OSError:
        return " (--debug shows where)"
    return f" (where it arose: {path})"


def sentence(error: BaseException) -> str:
    """Return an error as one sentence: which file, what is wrong with it, what to do."""
    if isinstance(error, shutil.Error) and error.args and isinstance(error.args[0], list):
        (source, target, why), *others = error.args[0]
        more = f" (and {len(others)} more)" if others else ""
        return f"{source} could not be copied to {target}: {why}{more}; make it readable or move it away"
    if isinstance(error, OSError) and error.errno is not None:
        # A file is renamed to its own name once it is complete: that name is the one to be told.
        path = error.filename if error.errno == errno.ENOENT else error.filename2 or error.filename
        where = f"{os.fsdecode(path)}: " if isinstance(path, str | bytes | os.PathLike) else ""
        remedy = REMEDIES.get(error.errno)
        # The system's own words: libraries add addresses and sizes of theirs.
        words = os.strerror(error.errno) if error.errno in errno.errorcode else error.strerror
        return f"{where}{words}" + (f"; {remedy}" if remedy else "")
    if isinstance(error, UnicodeDecodeError):
        return f"a text is not {error.encoding} ({error.reason} at byte {error.start}); save it as UTF-8"
    if isinstance(error, MemoryError):
        return f"the memory is used up{f' ({error})' if str(error) else ''}; {REMEDIES[errno.ENOMEM]}"
    if isinstance(error, RecursionError):
        return "a file is nested deeper than can be read"
    kind = _reader(error)
    if kind:
        first = str(error).strip().partition("\n")[0] or type(error).__name__
        return f"a file could not be read as {kind} ({first}); --debug shows which"
    text = text_of(error)
    return said(error) if isinstance(error, LookupError) or not text.strip() else text


def full_disk(folder: Path) -> str:
    """Return a sentence with a remedy if the disk of a folder is full, where a task can leave no word; else nothing."""
    with suppress(OSError):  # it is gone, or not on this machine
        if shutil.disk_usage(folder).free < LEAST_FREE:
            return f"the disk of {folder} is full: {REMEDIES[errno.ENOSPC]}"
    return ""


def is_unread() -> bool:
    """Say whether whoever read the output of this command has gone."""
    return _Forgiving.unread


class _Forgiving(io.FileIO):
    """A stream of output that takes everything, also when nobody reads it any more or the disk is full."""

    unread = False
    fault: OSError | None = None

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data) or 0
        except OSError as error:
            if self.fileno() == 1:
                _Forgiving.unread = True
                _Forgiving.fault = None if isinstance(error, BrokenPipeError) else error
            _to_nowhere(self.fileno())
            return memoryview(data).nbytes


class _Printable(io.TextIOWrapper):
    """A stream of text that steers no terminal; ``styled`` is the same stream for those who style it themselves."""

    styled: io.TextIOWrapper

    def write(self, text: str, /) -> int:
        super().write(printable(text, breaks=True))
        return len(text)

    def close(self) -> None:
        """Write what is held back, but stay open: the user's own code may close what others go on printing to."""
        self.flush()


def guard_output() -> None:
    """Let no letter, no reader that has gone and no full disk end a print from now on, and no text steer a terminal."""
    for name, number in (("stdout", 1), ("stderr", 2)):
        out = getattr(sys, name)
        if out is None:  # it was closed; the next file that is opened must not get its number
            with suppress(OSError):
                os.fstat(number)
                continue
            _to_nowhere(number)
            out = open(number, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process
            setattr(sys, f"__{name}__", out)
            setattr(sys, name, out)
        if type(out) is io.TextIOWrapper and out is getattr(sys, f"__{name}__"):
            guarded = _guarded(out)
            setattr(sys, name, guarded)
            setattr(sys, f"__{name}__", guarded)


def _guarded(out: io.TextIOWrapper) -> _Printable:
    with suppress(OSError):
        out.flush()
    buffer = io.BufferedWriter(_Forgiving(out.fileno(), "w", closefd=False))
    about: dict[str, Any] = {"errors": "backslashreplace", "line_buffering": out.line_buffering, "write_through": True}
    guarded = _Printable(buffer, out.encoding, **about)
    guarded.styled = io.TextIOWrapper(buffer, out.encoding, **about)
    return guarded


def _to_nowhere(number: int) -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    if null != number:
        os.dup2(null, number)
        os.close(null)


def _flushed() -> OSError | None:
    """Write what is held back, and return why some of the output was lost; None if none was, or if nobody wants it."""
    for out in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            out.flush()
    fault, _Forgiving.fault = _Forgiving.fault, None
    return fault
