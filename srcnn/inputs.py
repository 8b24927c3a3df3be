"""What a report was made from, so that it is made anew when that changes, and only then."""

import hashlib
import json
from contextlib import suppress
from pathlib import Path

from srcnn.paths import StudyPaths

_PATTERNS = ("contents.json", "scores/*/*.parquet", "runs/*/history.jsonl")


def inputs_file(paths: StudyPaths) -> Path:
    """Return the file beside a report in which the account of its inputs stands."""
    return paths.report / "inputs.json"


def newest_input(paths: StudyPaths) -> int:
    """Return when the newest of these files was written, in milliseconds since 1970."""
    return max((stamp[2] for stamp in _stamps(paths)), default=0) // 1_000_000


def _stamps(paths: StudyPaths) -> list[tuple[str, int, int]]:
    stamps = []
    for file in sorted(file for pattern in _PATTERNS for file in paths.folder.glob(pattern)):
        with suppress(FileNotFoundError):  # merged into another since, or a link that leads nowhere
            stat = file.stat()
            stamps.append((str(file.relative_to(paths.folder)), stat.st_size, stat.st_mtime_ns))
    return stamps


def report_inputs(paths: StudyPaths) -> dict[str, str | int]:
    """Return a short account of the files that a report is made from: how many, a digest of names, sizes and times."""
    stamps = _stamps(paths)
    return {"files": len(stamps), "digest": hashlib.sha256(json.dumps(stamps).encode()).hexdigest()}
