"""Pictures out of a downloaded archive, recognised by their content, wherever they lie in it."""

import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from jobs.registry import JPEG_SUFFIXES, PublicSet, checksum
from srcnn.files import PICTURE_SUFFIXES, read_picture, write_bytes, write_picture
from srcnn.words import said

LARGEST_BYTES = 64 * 2**20  # of one picture; the public sets' largest is below 1 MB
# What zipfile and tarfile let through for a broken, truncated or encrypted archive.
BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    RuntimeError,
)


class ArchiveError(ValueError):
    """An archive that cannot be read to its end."""


def unpack(archive: Path, source: PublicSet, folder: Path) -> list[str]:
    """Write the set's pictures below ``folder``; return the paths of those that the archive lacks.

    No path is ever made from the names and folders in the archive, but for a picture's suffix. The
    archive's own folder holds one picture at a time meanwhile.
    Raises ArchiveError.
    """
    targets = source.targets()
    for suffix, content in pictures_in(archive):
        member = archive.with_name(f"member{suffix}")
        write_bytes(member, content)
        for target in targets.pop(checksum(member) or "", ()):
            _place(member, folder / target)
    return sorted(target for missing in targets.values() for target in missing)


def _place(member: Path, target: Path) -> None:
    suffixes = {member.suffix, target.suffix.lower()}
    if len(suffixes) == 1 or suffixes == JPEG_SUFFIXES:
        write_bytes(target, member.read_bytes())
    else:  # the same pixels in another lossless format
        write_picture(target, read_picture(member))


def pictures_in(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Give the suffix and content of every picture in a zip or tar archive. Raises ArchiveError."""
    try:
        with archive.open("rb") as file:
            is_zip = file.read(2) == b"PK"
        yield from _zipped(archive) if is_zip else _tarred(archive)
    except BROKEN as error:
        raise ArchiveError(f"is not a zip or tar archive, or is a broken one ({said(error)})") from error


def _zipped(archive: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(archive) as pack:
        for member in pack.infolist():
            if _is_picture(member.filename, member.file_size):
                yield _suffix(member.filename), pack.read(member)


def _tarred(archive: Path) -> Iterator[tuple[str, bytes]]:
    # Compressed or not: where a server declares a .tgz as a gzipped .tar, it is unpacked on the way.
    with tarfile.open(archive) as pack:
        for member in pack:
            file = pack.extractfile(member) if member.isreg() and _is_picture(member.name, member.size) else None
            if file is not None:
                with file:
                    yield _suffix(member.name), file.read()


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _is_picture(name: str, size: int) -> bool:
    hidden = PurePosixPath(name).name.startswith(".")  # macOS packs ._NAME.png beside NAME.png
    return _suffix(name) in PICTURE_SUFFIXES and not hidden and size <= LARGEST_BYTES
