"""The small script beside a report that tells its opened pages when the study last got further.

Pages opened from a folder may not fetch a file, but they may load a script.
"""

import json
import time
from collections.abc import Iterable
from contextlib import suppress

from srcnn.files import write_text
from srcnn.outputs import Output
from srcnn.paths import StudyPaths

SCRIPT = "changed.js"


def tell_pages(paths: StudyPaths, milliseconds: int) -> None:
    """Write when, in milliseconds since 1970, the study last got further."""
    write_text(paths.report / SCRIPT, f"studyChanged({json.dumps(milliseconds)});\n")


def tell_pages_of(paths: StudyPaths, outputs: Iterable[Output]) -> None:
    """Tell the pages of a study, if it has any, that these outputs were made just now; do nothing for others' kinds."""
    shown = any(output.kind in ("shard", "history") for output in outputs)
    with suppress(OSError):  # no task fails because a page is not told
        if shown and paths.report_page.exists():
            tell_pages(paths, int(1000 * time.time()))
