"""The end of a log, and what is added to it: as text, whatever its bytes are."""

import codecs
from pathlib import Path

from srcnn.regular import open_regular

BLOCK = 65536
ALONE, AMONG = 40, 10  # lines of a log that is shown alone, and of one among several


def last_lines(file: Path, count: int | None) -> tuple[str, int]:
    """Return the last ``count`` lines of a file (None: all) and its size in bytes; nothing and 0 if it is not there.

    Lines are as they are; bytes that are no UTF-8 are replaced. Raises OSError for what is no file.
    """
    blocks: list[bytes] = []
    ends = 0
    try:
        with open_regular(file) as log:
            size = start = log.seek(0, 2)
            # The line end before the first line must be there, and the last byte may be one too.
            while start and (count is None or ends < count + 1):
                length = start if count is None else min(BLOCK, start)
                start -= length
                log.seek(start)
                blocks.append(log.read(length))
                ends += blocks[-1].count(b"\n")
    except (FileNotFoundError, NotADirectoryError):
        return "", 0
    text = b"".join(reversed(blocks))
    if count is not None:
        # Not splitlines: a carriage return redraws a line and ends none.
        lines = text.removesuffix(b"\n").split(b"\n")[-count:]
        text = b"\n".join(lines) + b"\n" * text.endswith(b"\n")
    return text.decode("utf-8", "replace"), size


class Growth:
    """What is added to a file after its first ``offset`` bytes: the file may come later, shrink, or be replaced."""

    def __init__(self, file: Path, offset: int = 0) -> None:
        self.file, self.offset = file, offset
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def read(self) -> str:
        """Return the text that was added since the last call."""
        # Opened each time: that is when a network file system looks whether the file has grown.
        try:
            with open_regular(self.file) as log:
                if log.seek(0, 2) < self.offset:
                    self.offset = 0
                log.seek(self.offset)
                added = log.read()
        except (FileNotFoundError, NotADirectoryError):
            return ""
        self.offset += len(added)
        return self._decoder.decode(added)
