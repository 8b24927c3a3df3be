"""A whole Parquet file whose columns are not those of scores is named, and stays where it is."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import analysis
from analysis import plot, table
from srcnn.shards import NoScores


def with_column(name, values):
    return lambda scores: scores.set_column(scores.schema.get_field_index(name), name, values)


FOREIGN = {
    "no columns": lambda scores: scores.select([]),
    "other columns": lambda scores: pa.table({"a": [1]}),
    "a column twice": lambda scores: scores.append_column("psnr", scores["psnr"]),
    "lists": with_column("psnr", pa.array([[1.0], [2.0]])),
    "text": with_column("psnr", pa.array(["a", "b"])),
    "a number beyond all sense": with_column("epoch", pa.array([2**60, 1])),
    "a time": with_column("epoch", pa.array([0, 1], pa.timestamp("ns"))),
    "no letters": with_column("image", pa.array([b"\xff", b"a"])),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_is_no_table_of_scores_is_named_and_left_alone(finished, ends, tmp_path, kind):
    shard = next(finished.folder.glob("scores/r*/*.parquet"))
    pq.write_table(FOREIGN[kind](pq.read_table(shard)), shard)
    before = shard.read_bytes()
    for command in ((table.main, finished.folder, "--by", "run,image"), (plot.main, finished.folder)):
        ended = ends(*command, *(["--out", tmp_path / "a.svg"] if command[0] is plot.main else []))
        assert (ended.status, f"{shard}: holds no scores (" in ended.said) == (2, True), ended
    with pytest.raises(NoScores, match="holds no scores"):
        analysis.load(shard)
    assert shard.read_bytes() == before
