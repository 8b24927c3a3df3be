"""A public set downloaded, checked picture by picture, and laid out whole or not at all."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pooch
import requests
from requests import exceptions
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from jobs.archive import ArchiveError, unpack
from jobs.registry import PublicSet
from srcnn.door import sentence
from srcnn.place import has_ended, mark
from srcnn.terminal import Terminal
from srcnn.words import counted, said

CHUNK_BYTES = 2**16
TIMEOUT_S = 30


class FetchError(Exception):
    """A set that could not be downloaded, with the reason."""


class IncompleteArchive(FetchError):
    """An archive without some of the set's pictures."""


def fetch_and_say(source: PublicSet, folder: Path, url: str | None) -> int:
    """Download a set unless it is there, and say so; return the exit status."""
    try:
        if _is_there(source, folder):
            print(f"{folder.name}: already complete in {folder}")
            return 0
        fetch(source, folder, url)
    except (FetchError, OSError) as error:
        print(f"error: {folder.name}: {sentence(error)}", file=sys.stderr)
        return 1 if isinstance(error, IncompleteArchive) else 2
    print(f"{folder.name}: {counted(len(source.pictures), 'picture')} in {folder}")
    return 0


def _is_there(source: PublicSet, folder: Path) -> bool:
    """Say whether the set needs no download. Raises FetchError for a folder with other content."""
    if not folder.is_dir() or not any(folder.iterdir()):
        return False
    faults = source.faults(folder)
    if faults:  # this command leaves whole sets: who made the folder must remove it
        raise FetchError(
            f"in {folder}, {len(faults)} of {len(source.pictures)} pictures are missing or differ: "
            f"{_some(faults)}; move the folder away, then run the same command again"
        )
    return True


def _some(names: list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


def fetch(source: PublicSet, folder: Path, url: str | None = None) -> None:
    """Download a set's archive and lay out its pictures in ``folder``, which appears whole or not at all.

    ``url`` is another address than the registered one, of another archive, to which the registered
    checksum does not apply. Raises FetchError, IncompleteArchive, OSError.
    """
    address = url or source.url
    print(f"{folder.name}: downloading {address}", flush=True)
    with _workplace(folder) as work:
        archive = work / "archive"
        download(address, archive, source.sha256 if address == source.url else None)
        try:
            missing = unpack(archive, source, work / "set")
        except ArchiveError as error:
            raise FetchError(f"what {address} sent {error}; nothing was kept") from error
        if missing:
            raise IncompleteArchive(
                f"{address} lacks {len(missing)} of {len(source.pictures)} pictures, or holds them with other "
                "content; nothing was kept. They are:\n  " + "\n  ".join(missing)
            )
        try:
            os.rename(work / "set", folder)
        except OSError:
            if source.faults(folder):
                raise  # else the same command, run elsewhere, was quicker


@contextmanager
def _workplace(folder: Path) -> Iterator[Path]:
    """Give a temporary folder beside ``folder``; remove those that killed processes of this machine left."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    start = f".{folder.name}-"
    for left in folder.parent.glob(f"{start}*"):
        if has_ended("-".join(left.name.removeprefix(start).split("-")[:2])):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{start}{mark()}-", dir=folder.parent) as work:
        yield Path(work)


def download(url: str, target: Path, sha256: str | None) -> None:
    """Save what an HTTP address sends. Raises FetchError, also where the content has another checksum."""
    pooch.get_logger().setLevel("WARNING")  # it would propose to note down each archive's checksum
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Terminal(stderr=True)) as progress:
        bar = _Bar(progress, url.rsplit("/", 1)[-1])
        downloader = pooch.HTTPDownloader(bar, chunk_size=CHUNK_BYTES, timeout=TIMEOUT_S)
        try:
            pooch.retrieve(url, sha256, fname=target.name, path=target.parent, downloader=downloader)
        except requests.RequestException as error:
            raise FetchError(f"{url}: {_reason(error)}; another mirror can be named with --url") from error
        except ValueError as error:  # pooch raises it for another checksum
            raise FetchError(f"{url}: {said(error)}") from error


class _Bar:
    """A progress bar as pooch asks for it, drawn by rich."""

    def __init__(self, progress: Progress, title: str) -> None:
        self.progress, self.task, self.total = progress, progress.add_task(title, total=None), 0

    def update(self, size: int) -> None:
        """Move on by some bytes, of ``total``, which pooch sets (0 where the server does not say)."""
        self.progress.update(self.task, advance=size, total=self.total or None)

    def reset(self) -> None:
        """Go back to the start; pooch then moves on by all at once, since its chunks may add up to more."""
        self.progress.reset(self.task, total=self.total or None)

    def close(self) -> None:
        """Do nothing: whoever began the progress ends it."""


def _reason(error: Exception) -> str:
    """Return a line on the error of requests that says what a person can do something about."""
    if isinstance(error, exceptions.HTTPError) and error.response is not None:
        return f"the server answered {error.response.status_code} {error.response.reason}"
    if isinstance(error, (exceptions.ChunkedEncodingError, exceptions.ContentDecodingError)):
        return "the download broke off"
    if isinstance(error, exceptions.Timeout):
        return f"no answer within {TIMEOUT_S} s"
    if isinstance(error, exceptions.ConnectionError):
        return "cannot be reached (is this machine online?)"
    if isinstance(error, ValueError):  # no address at all, or not of HTTP
        return "expected an address that begins with http:// or https://"
    return said(error)
