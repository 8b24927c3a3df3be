"""Shards of scores that nothing reads any more."""

from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from srcnn.outputs import Output
from srcnn.paths import StudyPaths
from srcnn.shards import compacted_files, shard_of, shards_in


def superseded_shards(paths: StudyPaths, contents: Mapping[str, Any]) -> Iterator[Path]:
    """Give shards of other settings or divisions where all of the study's are there: new ones copy from old."""
    wanted: dict[Path, set[str]] = {}
    for task in contents["tasks"]:
        outputs = (Output.from_json(output, paths) for output in task["outputs"] if output["kind"] == "shard")
        for _, place in chain.from_iterable(output.places() for output in outputs):
            wanted.setdefault(place.parent, set()).add(place.name)
    for folder, current in wanted.items():
        if not current <= set(shards_in(folder)):
            continue

        def old(name: str, current: set[str] = current) -> bool:
            shard = shard_of(name)
            return shard is not None and shard not in current

        for compacted in compacted_files(folder):
            # Beside current ones in one file they stay: nothing would be gained.
            if compacted.shards and all(map(old, compacted.shards)):
                yield from (compacted.index, compacted.file)  # the index first: it must not promise rows that are gone
        yield from (file for file in sorted(folder.glob("*")) if old(file.name))
