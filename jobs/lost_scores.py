"""Scores of pictures that are lost, taken out of their shards."""

from collections.abc import Collection, Iterable
from pathlib import Path

from jobs.pictures import SetRef, set_ids
from srcnn.aside import Aside
from srcnn.experiment import EvaluateConfig
from srcnn.shards import partial_shard, take_shard


def take_scores(
    shard: Path,
    lost: Collection[tuple[str, str]] | None,
    sets: Iterable[SetRef],
    evaluate: EvaluateConfig,
    aside: Aside,
) -> None:
    """Take the scores of some pictures, by set and name, out of a shard (None: all of it), which is then made again.

    Those of the other pictures stay under its partial name, so that only what is lost is scored again.
    """
    from jobs.score_shards import rows_without, scored_by, write_shard  # pyarrow, which a plan does without

    kept, by = (rows_without(shard, lost) if lost is not None else []), scored_by(shard)
    take_shard(shard, aside)
    if kept:
        aside.keep(partial_shard(shard))
        write_shard(partial_shard(shard), kept, set_ids(sets), evaluate, by)
