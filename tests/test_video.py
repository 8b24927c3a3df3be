"""A clip is a source of pictures: its frames are read one by one, and stand and fall together."""

import json
import os
import weakref

import numpy as np
import pandas as pd
import pytest
from clips import cut_off, moving, write_clip
from conftest import empty_figures, tiny_study, write_pictures
from PIL import Image

from analysis.evidence import Evidence
from analysis.plot import main as plot
from analysis.query import means
from analysis.scores import load
from analysis.sections import answer, clips
from analysis.statistics import FEWEST, bootstrap_interval, bootstrap_intervals, summarise
from analysis.study import open_study
from jobs.pictures import MissingPictures, find_files, find_leaks, passed_over, read_set
from runner.study.config import ConfigError, load_study
from runner.study.plan import make_plan
from runner.submit import main as submit
from srcnn.clips import clip_facts, count_frames, read_frames, read_pixels
from srcnn.dataset import held_out_pictures
from srcnn.files import PictureError
from srcnn.paths import RootPaths


def save_frames(folder, frames, clip="walk"):
    folder.mkdir(parents=True)
    for number, frame in enumerate(frames, 1):
        Image.fromarray(frame).save(folder / f"{clip}_{number:06d}.png")
    return folder


@pytest.fixture
def root(tmp_path):
    return RootPaths(tmp_path / "results")


# --- reading ----------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["walk.avi", "walk.mkv", "WALK.AVI"])
def test_a_lossless_clip_gives_its_frames_in_the_same_bits(tmp_path, name):
    frames = moving(5)
    clip = write_clip(tmp_path / name, frames)
    read = list(read_frames(clip))
    assert len(read) == count_frames(clip) == 5
    assert all(np.array_equal(a, b) for a, b in zip(read, frames, strict=True))
    assert clip_facts(clip).rate == 25


@pytest.mark.parametrize(
    ("name", "codec"), [("a.avi", "MJPG"), ("a.mp4", "mp4v"), ("a.mov", "mp4v"), ("a.mkv", "mp4v")]
)
def test_clips_of_the_usual_kinds_are_read_whole(tmp_path, name, codec):
    frames = moving(7)
    clip = write_clip(tmp_path / name, frames, codec)
    read = list(read_frames(clip))
    assert len(read) == 7
    assert all(np.abs(a.astype(int) - b).mean() < 12 for a, b in zip(read, frames, strict=True))


def test_a_single_frame_is_that_of_the_sequence_in_whatever_order_they_are_asked_for(tmp_path):
    clip = write_clip(tmp_path / "walk.mp4", moving(9), "mp4v")
    frames = list(read_frames(clip))
    for number in (3, 4, 9, 1, 1, 7):
        assert np.array_equal(read_pixels(clip, number), frames[number - 1])
    with pytest.raises(PictureError, match="has 9 frames, and no frame 12"):
        read_pixels(clip, 12)
    other = moving(9, seed=5)
    write_clip(clip, other, "mp4v")
    assert np.array_equal(read_pixels(clip, 2), list(read_frames(clip))[1])


def test_frames_are_read_one_at_a_time(tmp_path):
    clip = write_clip(tmp_path / "walk.avi", moving(12))
    alive, most = [], 0
    for frame in read_frames(clip):
        alive = [each for each in alive if each() is not None] + [weakref.ref(frame)]
        most = max(most, len(alive))
    assert most <= 2


@pytest.mark.parametrize(("name", "codec"), [("walk.avi", "FFV1"), ("walk.avi", "MJPG")])
def test_a_clip_that_lacks_its_end_is_named_with_the_first_frame_that_is_broken(tmp_path, name, codec):
    clip = cut_off(write_clip(tmp_path / name, moving(10), codec))
    given = []
    with pytest.raises(PictureError, match=r"walk.avi: is broken: frame (\d+) of 10 cannot be decoded") as caught:
        given.extend(read_frames(clip))
    assert f"frame {len(given) + 1} of 10" in str(caught.value)
    assert 2 <= len(given) < 10


def test_a_matroska_file_that_lacks_a_second_or_more_is_broken(tmp_path):
    clip = cut_off(write_clip(tmp_path / "walk.mkv", moving(40), rate=10))
    with pytest.raises(PictureError, match=r"walk.mkv: is broken: frame \d+ of 40"):
        count_frames(clip)


def test_what_is_no_clip_is_refused_in_a_sentence(tmp_path):
    playlist = tmp_path / "list.mp4"
    playlist.write_text("#EXTM3U\n#EXTINF:1,\n/etc/passwd\n")
    with pytest.raises(PictureError, match=r"list.mp4: is not a clip of a kind that is read \(.avi, .m4v"):
        count_frames(playlist)
    with pytest.raises(PictureError, match=r"a.mp4: is broken, or of a codec"):
        count_frames(cut_off(write_clip(tmp_path / "a.mp4", moving(5), "mp4v")))
    with pytest.raises(PictureError, match="no such file"):
        count_frames(tmp_path / "none.avi")
    (tmp_path / "folder.avi").mkdir()
    with pytest.raises(PictureError, match="is a folder"):
        count_frames(tmp_path / "folder.avi")
    os.mkfifo(tmp_path / "pipe.avi")
    with pytest.raises(PictureError, match="is a pipe"):
        count_frames(tmp_path / "pipe.avi")


# --- a source of pictures ---------------------------------------------------------------------
def test_a_clip_gives_a_picture_a_frame_with_a_name_that_stays(tmp_path, root):
    clip = write_clip(tmp_path / "walk.avi", moving(3))
    pictures = read_set([str(clip)], root).pictures
    assert [picture.name for picture in pictures] == ["walk_000001", "walk_000002", "walk_000003"]
    assert {picture.group for picture in pictures} == {"walk"}
    assert all(np.array_equal(p.read(), frame) for p, frame in zip(pictures, moving(3), strict=True))


def test_a_set_is_known_by_its_frames_and_not_by_the_clips_file(tmp_path, root):
    frames = moving(4)
    before = read_set([str(write_clip(tmp_path / "walk.avi", frames))], root)
    again = read_set([str(write_clip(tmp_path / "b" / "walk.mkv", frames))], root)
    assert again.set_id == before.set_id
    frames[2] = frames[2][::-1].copy()
    edited = read_set([str(write_clip(tmp_path / "walk.avi", frames))], root)
    assert edited.set_id != before.set_id
    changed = [a.name for a, b in zip(edited.pictures, before.pictures, strict=True) if a.digest != b.digest]
    assert changed == ["walk_000003"]
    with pytest.raises(PictureError, match=r"walk.avi, frame 3: is another picture than when the study was submitted"):
        before.pictures[2].read()


def test_a_folder_gives_pictures_only_and_says_that_it_holds_clips(tmp_path, root):
    write_pictures(tmp_path / "both", [1])
    write_clip(tmp_path / "both" / "walk.avi", moving(2))
    assert [file.name for file in find_files(str(tmp_path / "both"), root, None)] == ["photo1.png"]
    (note,) = passed_over(str(tmp_path / "both"))
    assert "clips are not taken from a folder (1 in" in note
    assert "*.avi" in note
    assert [file.name for file in find_files(str(tmp_path / "both" / "*"), root, None)] == ["photo1.png"]
    assert [file.name for file in find_files(str(tmp_path / "both" / "*.avi"), root, None)] == ["walk.avi"]
    write_clip(tmp_path / "clips" / "walk.avi", moving(2))
    with pytest.raises(MissingPictures, match="clips are not taken from a folder"):
        find_files(str(tmp_path / "clips"), root, None)


def test_a_picture_with_the_name_of_a_frame_is_refused(tmp_path, root):
    folder = save_frames(tmp_path / "frames", moving(2))
    clip = write_clip(tmp_path / "walk.avi", moving(3))
    with pytest.raises(PictureError, match=r"two pictures of one name: .*walk_000001.png and .*walk.avi, frame 1"):
        read_set([str(folder), str(clip)], root)


def test_a_broken_clip_stops_a_study_before_anything_starts(tmp_path, capsys):
    clip = cut_off(write_clip(tmp_path / "walk.avi", moving(10)))
    study = tiny_study(tmp_path, data__test={"walk": str(clip)})
    assert submit([str(study), "--executor", "local", "--root", str(tmp_path / "results")]) == 2
    assert "walk.avi: is broken: frame" in capsys.readouterr().err
    assert not (tmp_path / "results" / "tiny").exists()


# --- one group --------------------------------------------------------------------------------
def test_frames_are_held_out_together():
    groups = [*"abcdefgh", *["walk"] * 4, *["run"] * 20, *"ijklmnop"]
    for share in (0.05, 0.1, 0.2, 0.4, 0.6):
        held_out = held_out_pictures(groups, share)
        assert 0 < len(held_out) <= share * len(groups)
        for clip in ("walk", "run"):
            indices = {index for index, group in enumerate(groups) if group == clip}
            assert indices <= held_out or not indices & held_out
    assert held_out_pictures(["walk"] * 30, 0.5) == frozenset()
    assert held_out_pictures(["a"] * 10 + ["b"] * 10, 0.5) in ({*range(10)}, {*range(10, 20)})


def test_a_clip_leaks_where_one_of_its_frames_is_trained_on(tmp_path, root):
    frames = moving(6)
    clip = write_clip(tmp_path / "walk.avi", frames)
    write_pictures(tmp_path / "own", [8, 9])
    Image.fromarray(frames[3]).save(tmp_path / "own" / "still.png")
    train, evaluation = read_set([str(tmp_path / "own")], root), read_set([str(clip)], root)
    ((a, b),) = find_leaks(train, evaluation)
    assert (a.name, b.group) == ("still", "walk")
    assert find_leaks(evaluation, train)
    study = tiny_study(tmp_path, data__train=str(tmp_path / "own"), data__test={"walk": str(clip)})
    with pytest.raises(ConfigError, match=r"1 evaluation pictures and clips are among the training pictures") as caught:
        make_plan(load_study(str(study))[0], root)
    assert "walk.avi, frame" in str(caught.value)
    assert "still.png" in str(caught.value)


def test_clips_that_begin_in_black_do_not_leak_by_that(tmp_path, root):
    black = [np.zeros((64, 80, 3), np.uint8)] * 2
    sets = [read_set([str(write_clip(tmp_path / f"{seed}.avi", black + moving(3, seed)))], root) for seed in (4, 5)]
    assert not find_leaks(*sets)


# --- a study ----------------------------------------------------------------------------------
def run_study(folder, test, eval_, train="train"):
    evaluate = {"crops": [[32, 40]], "upsamplers": ["bicubic"], "protocols": ["luma", "region"], "workers": 1}
    study = tiny_study(folder, data__test={"walk": test}, data__eval={"other": eval_}, evaluate=evaluate)
    text = study.read_text().replace("train: train", f"train: {train}")
    study.write_text(text)
    assert submit([str(study), "--executor", "debug", "--root", str(folder / "results")]) == 0
    return folder / "results" / "tiny"


@pytest.fixture(scope="module")
def study_of_clips(tmp_path_factory):
    """A finished study that is tested on two clips, and its frames."""
    folder = tmp_path_factory.mktemp("clips")
    frames, other = moving(4), moving(3, seed=7)
    write_clip(folder / "walk.avi", frames)
    write_clip(folder / "other.mkv", other)
    with empty_figures():
        return run_study(folder, "walk.avi", "other.mkv"), frames, other


@pytest.mark.usefixtures("without_figures")
def test_a_clip_scores_as_its_frames_do_to_the_bit(tmp_path, study_of_clips):
    as_clips, frames, other = study_of_clips
    save_frames(tmp_path / "walk", frames)
    save_frames(tmp_path / "other", other, "other")
    as_pictures = run_study(tmp_path, "walk", "other")
    ids = ["run_id", "degradation_id"]
    tables = [load(study).drop(columns=ids) for study in (as_clips, as_pictures)]
    tables = [table.sort_values(list(table.columns[:12]), ignore_index=True).astype(str) for table in tables]
    assert len(tables[0]) > 20
    assert tables[0].equals(tables[1])


def test_the_report_shows_a_metric_over_the_frames_of_a_clip(study_of_clips):
    folder, *_ = study_of_clips
    contents = json.loads((folder / "contents.json").read_text())
    assert contents["sets"]["walk"]["clips"] == {"walk": 4}
    evidence = Evidence(open_study(folder))
    section = clips.section(evidence)
    assert section.title == "Frame by frame"
    assert len(section.blocks[0].panels) == 2 * 2  # two metrics of two clips
    lines = clips.frame_lines(evidence, ["psnr"])
    walk = lines[lines["clip"] == "walk"]
    assert sorted(walk.loc[walk["variant"] == "bicubic", "frame"]) == [1, 2, 3, 4]
    page = (folder / "report" / "index.html").read_text()
    assert "Frame by frame" in page
    assert "4 pictures of 1 source, for frames of one clip are one, too few for an interval" in page
    assert (folder / "report" / "figures" / "frames.png").exists()


def test_a_plot_draws_a_metric_over_frames(study_of_clips, tmp_path, capsys):
    folder, *_ = study_of_clips
    table, kinds = means(open_study(folder), ["frame", "run"], ["psnr"], {"protocol": ["luma"]})
    assert "clip" in kinds
    assert len(table) == 2 * (4 + 3)
    out = tmp_path / "frames.svg"
    command = [str(folder), "--x", "frame", "--where", "protocol=luma", "--where", "clip=walk", "--out", str(out)]
    assert plot(command) == 0
    assert "frame" in out.read_text()
    assert plot([str(folder), "--x", "frame", "--where", "clip=none", "--out", str(tmp_path / "b.svg")]) == 1


# --- one unit of the bootstrap ----------------------------------------------------------------
def test_the_bootstrap_draws_whole_clips():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(level, 0.01, 30) for level in rng.normal(0, 1, 8)])
    units = [f"clip{number // 30}" for number in range(len(values))]
    apart, together = bootstrap_interval(values), bootstrap_interval(values, units=units)
    assert apart.mean == together.mean
    assert (together.pictures, together.units) == (240, 8)
    assert together.high - together.low > 4 * (apart.high - apart.low)
    level = bootstrap_interval(values.reshape(8, 30).mean(axis=1))
    assert (together.low, together.high) == pytest.approx((level.low, level.high))


def test_frames_of_fewer_clips_than_it_takes_give_no_interval():
    values = np.arange(100.0)
    assert not bootstrap_interval(values, units=["walk"] * 100).known
    assert not bootstrap_interval(values, units=[str(n % (FEWEST - 1)) for n in range(100)]).known
    assert bootstrap_interval(values, units=[str(n % FEWEST) for n in range(100)]).known


def test_pictures_that_are_each_their_own_unit_give_the_plain_interval():
    values = np.random.default_rng(2).normal(size=(9, 2))
    values[3, 1] = np.nan
    assert bootstrap_intervals(values, units=list("abcdefghi")) == bootstrap_intervals(values)


def test_a_table_of_differences_counts_pictures_and_what_is_independent(study_of_clips):
    study = open_study(study_of_clips[0])
    rows = pd.DataFrame({"set": "walk", "image": [f"walk_{n:06d}" for n in (1, 2, 3, 4)] + ["walk_000005", "p"]})
    table = summarise(rows.assign(psnr=1.0), ["set"], ["psnr"], study.units_of)
    assert (table["pictures"].iloc[0], table["units"].iloc[0]) == (6, 3)  # the clip has four frames
    ranking = answer.run_table(Evidence(study))
    assert dict(zip(ranking["set"], ranking["units"], strict=True)) == {"walk": 1, "other": 1}
