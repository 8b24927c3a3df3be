"""Scores and patches carry a check of their own: not one bit of them is read that was not written."""

import json
import os
import shutil

import h5py
import pyarrow.parquet as pq
import pytest

import analysis
from analysis.compaction import compact_study
from runner.status import main as status
from srcnn.damage import DamagedFile, set_aside
from srcnn.dataset import read_planes
from srcnn.shard_rows import read_shards
from srcnn.shards import shards_in
from srcnn.whole import check_parquet, is_cut


def changed_at(file, place):
    """The file with one bit changed."""
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)
    return file


def test_no_bit_of_a_file_of_scores_changes_unnoticed(finished):
    shard = next(finished.folder.glob("scores/r*/*.parquet"))
    whole = shard.read_bytes()
    # In the pages, in the footer, which has no checksum of Parquet's, and in the checksum itself.
    for place in [*range(0, len(whole), 97), *range(len(whole) - 200, len(whole))]:
        shard.write_bytes(whole)
        changed_at(shard, place)
        try:
            table = next(read_shards([shard]))[1]
        except DamagedFile:
            assert not shard.exists()
        else:  # the mark of the checksum, or its place: what remains is a file without one
            assert pq.read_table(shard).equals(table)
            shard.write_bytes(whole)
            assert next(read_shards([shard]))[1].equals(table)


def test_any_reader_of_parquet_reads_what_is_sealed(finished):
    shard = next(finished.folder.glob("scores/r*/*.parquet"))
    assert b"sha256:" in shard.read_bytes()
    assert pq.read_table(shard)["psnr"].to_pylist() == analysis.load(shard)["psnr"].tolist()


def test_merged_scores_are_sealed_too_and_checked_when_a_part_of_them_is_read(finished):
    (owner,) = finished.folder.glob("scores/r*")
    shutil.copy(next(owner.iterdir()), owner / "e0000000000-0009-000of001.parquet")
    assert compact_study(finished.folder)
    (merged,) = owner.glob("compact-*.parquet")
    check_parquet(merged)
    changed_at(merged, len(merged.read_bytes()) - 60)
    with pytest.raises(DamagedFile, match="does not give its checksum"):
        list(read_shards([owner / next(iter(shards_in(owner)))]))


@pytest.mark.parametrize("name", ["mean", "std"])
def test_a_changed_scale_of_patches_is_noticed_where_hdf5_has_no_check(finished, name):
    (patches,) = finished.root.data.glob("*.h5")
    read_planes(patches)
    with h5py.File(patches, "r+", locking=False) as file:
        file.attrs[name] = file.attrs[name] * 1.001
    with pytest.raises(DamagedFile, match="does not give its checksum"):
        read_planes(patches)


def test_an_index_that_promises_rows_that_are_not_there_is_no_traceback(finished):
    (owner,) = finished.folder.glob("scores/r*")
    shutil.copy(next(owner.iterdir()), owner / "e0000000000-0009-000of001.parquet")
    assert compact_study(finished.folder)
    (index,) = owner.glob("compact-*.json")
    value = json.loads(index.read_text())
    for entry in value["shards"].values():
        entry["first"] = 10**6
    index.write_text(json.dumps(value))
    with pytest.raises(DamagedFile, match="which its index promises"):
        list(read_shards([owner / next(iter(shards_in(owner)))]))


def test_what_was_written_anew_since_it_was_found_damaged_is_not_set_aside(tmp_path):
    from srcnn.damage import identity

    file = tmp_path / "a.json"
    file.write_text("torn")
    seen = identity(file)
    os.replace(shutil.copy(file, tmp_path / "b"), file)
    file.write_text("whole now")
    assert set_aside(file, seen) is None
    assert file.read_text() == "whole now"
    assert set_aside(file, identity(file)) is not None


@pytest.mark.parametrize("suffix", [".parquet", ".h5", ".pt"])
@pytest.mark.parametrize("content", [b"", b"null\n", b"\0" * 200, bytes(range(256)) * 8, "cut", "grown", "whole"])
def test_the_ends_of_a_file_tell_whether_it_was_cut(finished, suffix, content):
    file = next(each for each in finished.root.root.rglob(f"*{suffix}"))
    whole = file.read_bytes()
    made = {"cut": whole[:-1], "grown": whole + b"\0", "whole": whole}
    file.write_bytes(made.get(content, content))
    assert is_cut(file) is (content != "whole")


@pytest.mark.parametrize("owner", ["r*", "b*"])
@pytest.mark.parametrize("content", [b"", b"null\n"])
def test_status_says_which_scores_cannot_be_read_and_that_submit_makes_them_again(finished, ends, owner, content):
    shard = next(finished.folder.glob(f"scores/{owner}/*.parquet"))
    shard.write_bytes(content)
    ended = ends(status, finished.folder)
    assert ended.status == 1
    assert f"{shard}: is damaged; submit the study again to remake it" in ended.said
