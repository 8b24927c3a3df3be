"""``python -m jobs.fetch``: the public sets, downloaded once and checked picture by picture.

Where a set's archive lies and what it must hold is in ``fetch_registry.json``. Pictures are
recognised by their content (see registry.py), so any archive that holds them will do. The
archives' own checksums may therefore stay open there (null): mirrors pack the same pictures anew,
and every picture is checked in any case.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from srcnn.called import called
from srcnn.door import command, sentence
from srcnn.paths import RootPaths
from srcnn.place import has_ended, mark
from srcnn.words import counted, said

if TYPE_CHECKING:
    from rich.progress import Progress

    from jobs.registry import PublicSet

NAMES = ("bsds500", "set5", "set14", "t91")
CHUNK_BYTES = 2**16
TIMEOUT_S = 30


class FetchError(Exception):
    """A set that could not be downloaded, with the reason."""


class IncompleteArchive(FetchError):
    """An archive without some of the set's pictures."""


def parser() -> argparse.ArgumentParser:
    """The command line. Names are listed here, not imported, so that --help answers at once."""
    p = argparse.ArgumentParser(
        prog=called("jobs.fetch"),
        description="Download public sets of pictures to ROOT/data/downloads/NAME, where studies look for them.",
    )
    p.add_argument("names", nargs="+", choices=NAMES, metavar="NAME", help=", ".join(NAMES))
    p.add_argument("--root", type=Path, default=Path("results"), help="folder of results (default: results)")
    p.add_argument("--url", help="another address of the set's archive (zip or tar), for one NAME")
    p.add_argument("--registry", type=Path, metavar="FILE", help="other addresses and checksums than the packaged")
    return p


@command
def main(argv: list[str] | None = None) -> int:
    """0 if every set is there, 1 if an archive lacked pictures, 2 if one could not be had, 130 on Ctrl-C."""
    arguments = parser().parse_args(argv)
    names = list(dict.fromkeys(arguments.names))
    if arguments.url and len(names) > 1:
        print(f"error: --url is the address of one set, not of {len(names)}: {', '.join(names)}", file=sys.stderr)
        return 2

    from jobs.registry import PACKAGED, RegistryError, read_registry

    file = arguments.registry or PACKAGED
    try:
        sets = read_registry(file).sets
    except RegistryError as error:
        print(f"error: {sentence(error)}", file=sys.stderr)
        return 2
    absent = [name for name in names if name not in sets]
    if absent:
        print(f"error: {file}: lists {', '.join(sets)}, not {', '.join(absent)}", file=sys.stderr)
        return 2
    downloads = RootPaths(arguments.root.expanduser().resolve()).downloads
    try:
        return max([_status(sets[name], downloads / name, arguments.url) for name in names])
    except KeyboardInterrupt:
        print("\nStopped. Complete sets are kept; the same command begins the others anew.", file=sys.stderr)
        return 130


def _status(source: "PublicSet", folder: Path, url: str | None) -> int:
    """The exit status for one set, after saying what came of it."""
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


def _is_there(source: "PublicSet", folder: Path) -> bool:
    """Whether the set needs no download. Raises FetchError for a folder with other content."""
    if not folder.is_dir() or not any(folder.iterdir()):
        return False
    faults = source.faults(folder)
    if faults:  # not made by this command, which leaves whole sets; so it is not for us to remove
        raise FetchError(
            f"in {folder}, {len(faults)} of {len(source.pictures)} pictures are missing or differ: "
            f"{_some(faults)}; move the folder away, then run the same command again"
        )
    return True


def _some(names: list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


def fetch(source: "PublicSet", folder: Path, url: str | None = None) -> None:
    """Download a set's archive and lay out its pictures in ``folder``, which appears whole or not at all.

    ``url`` is another place than the registered one; the checksum of the registered archive says
    nothing about what lies there. Raises FetchError, IncompleteArchive, OSError.
    """
    from jobs.archive import ArchiveError, unpack

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
    """A temporary folder beside ``folder``; those that killed processes of this machine left are removed."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    start = f".{folder.name}-"
    for left in folder.parent.glob(f"{start}*"):
        if has_ended("-".join(left.name.removeprefix(start).split("-")[:2])):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{start}{mark()}-", dir=folder.parent) as work:
        yield Path(work)


def download(url: str, target: Path, sha256: str | None) -> None:
    """Save what an HTTP address sends. Raises FetchError, also where the content has another checksum."""
    import pooch
    import requests
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from srcnn.terminal import Terminal

    pooch.get_logger().setLevel("WARNING")  # it would propose to note down each archive's checksum
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Terminal(stderr=True)) as progress:
        bar = _Bar(progress, url.rsplit("/", 1)[-1])
        downloader = pooch.HTTPDownloader(bar, chunk_size=CHUNK_BYTES, timeout=TIMEOUT_S)
        try:
            pooch.retrieve(url, sha256, fname=target.name, path=target.parent, downloader=downloader)
        except requests.RequestException as error:
            raise FetchError(f"{url}: {_reason(error)}; another mirror can be named with --url") from error
        except ValueError as error:  # pooch's own, for a checksum
            raise FetchError(f"{url}: {said(error)}") from error


class _Bar:
    """What pooch asks of a progress bar, drawn by rich."""

    def __init__(self, progress: "Progress", title: str) -> None:
        self.progress, self.task, self.total = progress, progress.add_task(title, total=None), 0

    def update(self, size: int) -> None:
        """Move on by some bytes, of ``total``, which pooch sets (0 where the server does not say)."""
        self.progress.update(self.task, advance=size, total=self.total or None)

    def reset(self) -> None:
        """Back to nothing; pooch then moves on by all at once, since its chunks may add up to more."""
        self.progress.reset(self.task, total=self.total or None)

    def close(self) -> None:
        """Left to whoever began the progress."""


def _reason(error: Exception) -> str:
    """What a person can do something about in an error of requests, in a line."""
    from requests import exceptions

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


if __name__ == "__main__":
    sys.exit(main())
