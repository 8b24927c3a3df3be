"""Files that are whole and not ours: scores of other columns are named and stay, patches elsewhere are not read."""

import os

import h5py
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import analysis
from analysis import plot, table
from srcnn.damage import DamagedFile
from srcnn.dataset import read_planes
from srcnn.schema import INPUT
from srcnn.shard_rows import NoScores


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


def linked(file, link):
    del file[INPUT]
    file[INPUT] = link


def claiming(file, **more):
    del file[INPUT]
    file.create_dataset(INPUT, (10**9,), "u1", **more)


ELSEWHERE = {
    "a file elsewhere": lambda file, pipe: linked(file, h5py.ExternalLink(str(pipe), "x")),
    "a link to itself": lambda file, pipe: linked(file, h5py.SoftLink(f"/{INPUT}")),
    "bytes elsewhere": lambda file, pipe: claiming(file, external=[(str(pipe), 0, h5py.h5f.UNLIMITED)]),
    "more than there is": lambda file, pipe: claiming(file),
    "scattered": lambda file, pipe: claiming(file, chunks=(100,)),
    "nothing": lambda file, pipe: file.__delitem__(INPUT),
}


@pytest.mark.parametrize("kind", ELSEWHERE)
def test_patches_are_read_from_the_file_itself_and_no_more_than_it_has(finished, tmp_path, kind):
    (patches,) = finished.root.data.glob("*.h5")
    os.mkfifo(tmp_path / "pipe")
    with h5py.File(patches, "r+", locking=False) as file:
        ELSEWHERE[kind](file, tmp_path / "pipe")
    with pytest.raises(DamagedFile, match=f"{INPUT} "):
        read_planes(patches)
