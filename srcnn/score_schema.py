"""The columns of the score table, as Arrow knows them."""

from collections.abc import Iterable
from functools import lru_cache

import pyarrow as pa

from srcnn.metrics import QUICK_METRICS, about
from srcnn.schema import KEY_COLUMNS, TEXT_COLUMNS


def score_schema(metrics: Iterable[str] = ()) -> pa.Schema:
    """Return the columns of the score table: the key, then a float64 column for each metric.

    QUICK_METRICS always have a column, others where ``metrics`` names them; a column's metadata are the unit and the
    direction. One row is one comparison. run_id and epoch are null for what no network made,
    upsampler where nothing was enlarged, a metric where it is undefined or was not asked for. x, y, width and height
    are the patch in the reference picture's pixels.
    """
    key = [pa.field(name, pa.string() if name in TEXT_COLUMNS else pa.int32()) for name in KEY_COLUMNS]
    names = dict.fromkeys((*QUICK_METRICS, *metrics))
    return pa.schema([*key, *(_values(name, *about(name).to_metadata().items()) for name in names)])


@lru_cache(maxsize=256)
def _values(name: str, *metadata: tuple[str, str]) -> pa.Field:
    """Return the column of a metric, which thousands of shards have alike."""
    return pa.field(name, pa.float64(), metadata=dict(metadata))
