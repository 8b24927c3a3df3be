"""A file that is empty, cut or garbage is made again where that can be done, and named with the remedy where not."""

import json
import os
import shutil

import pyarrow as pa
import pytest
from conftest import tiny_study

import analysis
from analysis.compaction import compact_study
from analysis.pictures import Album
from analysis.scores import load_histories
from analysis.study import open_study
from analysis.table import main as table
from runner import clean, status, submit
from srcnn.damage import DamagedFile, is_content_fault
from srcnn.files import read_json, write_text
from srcnn.paths import StudyPaths
from srcnn.shard_rows import readable
from srcnn.shards import set_aside_damaged

DAMAGE = {
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "null": lambda _: b"null\n",
}


@pytest.fixture(autouse=True)
def _quick_report(monkeypatch):
    """The page takes seconds to draw."""
    monkeypatch.setattr("analysis.build.write_report", quick_report)


def quick_report(folder, *_):
    load_histories(folder)
    analysis.load(folder)
    write_text(StudyPaths(folder).report_page, "page")


@pytest.fixture(scope="module")
def run_once(tmp_path_factory):
    folder = tmp_path_factory.mktemp("once")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("analysis.build.write_report", quick_report)
        file = tiny_study(folder, evaluate__metrics=["psnr"], evaluate__protocols=["luma"], training__epochs=1)
        assert submit.main([str(file), "--executor", "debug", "--root", str(folder / "results")]) == 0
    return folder / "results"


@pytest.fixture
def finished(run_once, tmp_path):
    shutil.copytree(run_once, tmp_path / "results")
    return StudyPaths(tmp_path / "results" / "tiny")


def spoil(file, how):
    file.write_bytes(DAMAGE[how](file.read_bytes()))
    return file


def submitted(paths):
    return submit.main([str(paths.folder), "--executor", "debug"])


def scores(paths):
    return analysis.load(paths.folder, ["image", "psnr"]).to_csv()


def rendered(paths):
    return next(paths.runs.glob("*/Test_SRCNN_Output/*/luma/*/*.png"))


# Files that the next submission makes again by itself, before or instead of anything else.
MADE_AGAIN = {
    "contents": lambda paths: paths.contents,
    "fingerprints": lambda paths: paths.root.fingerprints,
    "set": lambda paths: next(paths.root.data.glob("s*.json")),
    "history": lambda paths: next(paths.runs.glob("*/history.jsonl")),
    "configuration": lambda paths: next(paths.runs.glob("*/config.yaml")),
    "inputs": lambda paths: paths.report / "inputs.json",
    "shard": lambda paths: next(paths.folder.glob("scores/r*/*.parquet")),
    "baseline": lambda paths: next(paths.folder.glob("scores/b*/*.parquet")),
    "mark": lambda paths: next(paths.folder.glob("runs/*/*/*/luma/*/.set")),
    "attempt": lambda paths: next(paths.folder.glob("runs/*/attempts/train-*.json")),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_what_can_be_made_again_is_made_again_by_the_next_submission(finished, how, capsys):
    before = scores(finished)
    files = {name: spoil(find(finished), how) for name, find in MADE_AGAIN.items()}
    spoilt = {name: file.read_bytes() for name, file in files.items()}
    assert submitted(finished) == 0
    assert scores(finished) == before
    assert [name for name in files if name != "attempt" and files[name].read_bytes() == spoilt[name]] == []
    capsys.readouterr()
    assert submitted(finished) == 0
    assert "Everything is done." in capsys.readouterr().out


@pytest.mark.parametrize("name", MADE_AGAIN)
def test_each_of_them_alone_is_no_obstacle_either(finished, name):
    spoil(MADE_AGAIN[name](finished), "cut")
    assert submitted(finished) == 0


@pytest.mark.parametrize("how", DAMAGE)
def test_damaged_patches_are_made_again_where_a_training_needs_them(finished, how):
    (patches,) = finished.root.data.glob("*.h5")
    spoil(patches, how)
    shutil.rmtree(finished.runs)
    assert submitted(finished) == 0
    assert patches.stat().st_size > 1000


def test_a_changed_bit_in_patches_stops_the_training_and_they_are_made_again(finished, capsys):
    (patches,) = finished.root.data.glob("*.h5")
    content = bytearray(patches.read_bytes())
    content[len(content) // 3] ^= 4  # in the middle of the second data set of four
    patches.write_bytes(content)
    shutil.rmtree(finished.runs)
    assert submitted(finished) == 1
    assert "it was set aside: submit the study again to remake it" in " ".join(capsys.readouterr().out.split())
    assert submitted(finished) == 0


@pytest.mark.parametrize("how", DAMAGE)
def test_a_picture_that_is_empty_cut_or_garbage_is_restored_again_before_it_is_scored(finished, how):
    before = scores(finished)
    picture = spoil(rendered(finished), how)
    for shard in finished.folder.glob("scores/r*/*.parquet"):
        shard.unlink()
    assert submitted(finished) == 0
    assert picture.with_name(picture.name + ".damaged").exists()
    assert scores(finished) == before


def test_a_picture_with_changed_bytes_within_is_named_by_the_scoring_and_restored_again(finished, capsys):
    before = scores(finished)
    picture = rendered(finished)
    content = bytearray(picture.read_bytes())
    content[len(content) // 2] ^= 0x55
    picture.write_bytes(content)
    for shard in finished.folder.glob("scores/r*/*.parquet"):
        shard.unlink()
    assert submitted(finished) == 1
    said = "".join(capsys.readouterr().out.split())
    assert f"{picture}:isdamaged" in said
    assert submitted(finished) == 0
    assert scores(finished) == before


def test_a_changed_bit_in_scores_is_never_read_as_scores(finished, capsys):
    before = scores(finished)
    shard = next(finished.folder.glob("scores/r*/*.parquet"))
    content = bytearray(shard.read_bytes())
    for at in range(4, 60):
        content[at] ^= 0x55
    shard.write_bytes(content)
    assert table([str(finished.folder), "--by", "run", "--metric", "psnr"]) == 2
    assert f"{shard}: is damaged" in capsys.readouterr().err
    assert not shard.exists()
    assert submitted(finished) == 0
    assert scores(finished) == before


@pytest.mark.parametrize("part", ["json", "parquet"])
@pytest.mark.parametrize("how", DAMAGE)
def test_merged_scores_of_which_a_part_is_damaged_are_made_again(finished, part, how):
    before = scores(finished)
    (owner,) = finished.folder.glob("scores/r*")
    shutil.copy(next(owner.iterdir()), owner / "e0000000000-0009-000of001.parquet")
    assert compact_study(finished.folder)
    spoil(next(owner.glob(f"compact-*.{part}")), how)
    assert submitted(finished) == 0
    assert scores(finished) == before


def test_an_index_of_merged_scores_is_set_aside_beside_their_table(finished):
    (owner,) = finished.folder.glob("scores/r*")
    shutil.copy(next(owner.iterdir()), owner / "e0000000000-0009-000of001.parquet")
    assert compact_study(finished.folder)
    index = next(owner.glob("compact-*.json"))
    whole = index.read_bytes()
    spoil(index.with_suffix(".parquet"), "cut")
    assert set_aside_damaged(owner) == 1
    assert index.with_name(f"{index.name}.damaged").read_bytes() == whole
    assert index.with_name(f"{index.stem}.parquet.damaged").exists()


@pytest.mark.parametrize("lack", [MemoryError(), pa.lib.ArrowMemoryError()])
def test_a_lack_of_memory_says_nothing_of_the_file(finished, lack):
    shard = next(finished.folder.glob("scores/r*/*.parquet"))
    with pytest.raises(MemoryError), readable(shard):
        raise lack
    assert shard.exists()
    assert not is_content_fault(lack)


@pytest.mark.parametrize("how", DAMAGE)
def test_earlier_scores_that_are_damaged_are_not_taken_over(finished, how):
    spoil(next(finished.folder.glob("scores/r*/*.parquet")), how)
    assert submit.main([str(finished.folder), "evaluate.metrics=[psnr, ssim]", "--executor", "debug"]) == 0


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize("command", [status.main, clean.main, table])
def test_a_study_whose_contents_are_damaged_is_named_with_the_command_that_mends_it(finished, how, command, capsys):
    spoil(finished.contents, how)
    assert command([str(finished.folder)]) == 2
    said = capsys.readouterr().err
    assert f"{finished.contents}: is damaged" in said
    assert f"python -m runner.submit {finished.folder} writes it again" in said


@pytest.mark.parametrize("how", DAMAGE)
def test_pictures_of_the_report_come_from_no_damaged_list_or_configuration(finished, how):
    study = open_study(finished.folder)
    (run,), name = study.runs, next(iter(study.sets))
    image = analysis.load(finished.folder, ["image"])["image"].iloc[0]
    album = Album(study)
    assert album.original(run, name, image) is not None
    config = finished.run(run.run_id).config
    if how == "cut":  # within the section that counts here
        config.write_bytes(config.read_bytes().partition(b"cale:")[0])
    else:
        spoil(config, how)
    assert album.original(run, name, image) is None
    spoil(finished.root.pictures(study.sets[name]["set_id"]), how)
    with pytest.raises(DamagedFile, match="submit the study again"):
        album.original(run, name, image)


@pytest.mark.parametrize("content", [b"", b"null\n", b'{"host": "a', b"[]", None])
def test_a_lock_that_names_nobody_is_taken_away_by_the_next_submission(finished, content, monkeypatch, capsys):
    monkeypatch.setattr("runner.record.lock.GRACE_S", 0.1)
    if content is None:
        finished.lock.symlink_to(finished.folder / "nowhere")
    else:
        finished.lock.write_bytes(content)
    assert status.main([str(finished.folder)]) == 2
    assert f"{finished.lock}: is damaged (it names no process); delete it" in capsys.readouterr().err
    assert submitted(finished) == 0
    assert not os.path.lexists(finished.lock)


def test_a_record_of_jobs_that_is_damaged_is_named_with_what_to_do(finished, capsys):
    record = finished.submission("20260101T000000.000000Z") / "jobs.json"
    record.parent.mkdir(parents=True)
    record.write_bytes(b"")
    assert status.main([str(finished.folder)]) == 2
    assert f"{record}: is damaged (it is empty); only the scheduler knows which jobs" in capsys.readouterr().err


def test_what_was_set_aside_goes_with_the_next_cleaning_also_beside_the_study(finished):
    aside = [finished.root.data / "d0.h5.damaged", finished.scores("b0") / "e0.parquet.damaged"]
    for file in aside:
        write_text(file, "torn")
    assert clean.main([str(finished.folder), "--yes"]) == 0
    assert not any(file.exists() for file in aside)
    assert json.loads(finished.contents.read_text()) == read_json(finished.contents)
