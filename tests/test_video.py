"""A clip is a source of pictures: its frames are read one by one, and stand and fall together."""

import json
import os
import re
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from clips import cut_off, moving, write_clip
from conftest import empty_figures, tiny_study, write_pictures
from PIL import Image
from test_render import untouching_checkpoint

from analysis.compare import main as compare
from analysis.evidence import Evidence
from analysis.plot import main as plot
from analysis.query import means
from analysis.scores import load
from analysis.sections import answer, clips
from analysis.statistics import FEWEST, bootstrap_interval, bootstrap_intervals, summarise
from analysis.study import open_study
from jobs import restoring_clip
from jobs.compare_folders import main as evaluate
from jobs.leaks import find_leaks
from jobs.pictures import MissingPictures, find_files, passed_over, read_set
from jobs.restore import main as restore
from runner.study.config import ConfigError, load_study
from runner.study.plan import make_plan
from runner.submit import main as submit
from srcnn import metrics
from srcnn.clips import _Reader, clip_facts, count_frames, read_frames, read_pixels
from srcnn.containers import container, is_cut
from srcnn.dataset import held_out_pictures, read_planes
from srcnn.experiment import DataConfig
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


@pytest.fixture
def openings(monkeypatch):
    """How often a clip is opened to read single frames."""
    opened = []

    class Counted(_Reader):
        def __init__(self, path):
            opened.append(path)
            super().__init__(path)

    monkeypatch.setattr("srcnn.clips._Reader", Counted)
    return opened


def test_two_clips_that_are_read_in_turns_are_opened_once_each(tmp_path, openings):
    pair = write_clip(tmp_path / "walk.avi", moving(9)), write_clip(tmp_path / "mine.avi", moving(9, seed=2))
    for number in range(1, 10):
        for clip in pair:
            read_pixels(clip, number)
    assert sorted(openings) == sorted(pair)


def test_threads_that_read_the_frames_of_a_clip_get_each_its_own(tmp_path):
    frames = moving(40)
    clip = write_clip(tmp_path / "walk.avi", frames)
    with ThreadPoolExecutor(4) as threads:
        read = list(threads.map(lambda number: read_pixels(clip, number), range(1, 41)))
    assert all(map(np.array_equal, read, frames))


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
    with pytest.raises(
        PictureError, match=r"walk.avi: is broken: frame (\d+) of 10 cannot be decoded \(the file is cut\)"
    ) as caught:
        given.extend(read_frames(clip))
    assert f"frame {len(given) + 1} of 10" in str(caught.value)
    assert 2 <= len(given) < 10


@pytest.mark.parametrize("name", ["walk.avi", "walk.mkv"])
def test_a_frame_that_is_broken_in_the_middle_is_named(tmp_path, name):
    clip = write_clip(tmp_path / name, moving(10), rate=2)
    content = bytearray(clip.read_bytes())
    start, length = int(len(content) * 0.4), len(content) // 5
    content[start : start + length] = np.random.default_rng(0).bytes(length)
    clip.write_bytes(content)
    given = []
    with pytest.raises(PictureError, match=r"is broken: frame \d+ of 10 cannot be decoded; bring back") as caught:
        given.extend(read_frames(clip))
    assert f"frame {len(given) + 1} of" in str(caught.value)
    with pytest.raises(PictureError, match=f"frame {len(given) + 1} of"):
        read_pixels(clip, 10)


@pytest.mark.parametrize("name", ["walk.avi", "walk.mkv", "walk.mp4", "walk.mov", "walk.webm"])
def test_a_file_is_cut_if_its_last_bytes_are_gone(tmp_path, name):
    codec = {".webm": "VP80", ".mp4": "mp4v", ".mov": "mp4v"}.get(Path(name).suffix, "FFV1")
    clip = write_clip(tmp_path / name, moving(4), codec)
    whole = clip.read_bytes()
    with clip.open("rb") as file:
        kind = container(file)
        assert not is_cut(file, kind)
    for lacking in (2, 9, len(whole) // 2):
        clip.write_bytes(whole[:-lacking])
        with clip.open("rb") as file:
            assert is_cut(file, kind)
    clip.write_bytes(whole + bytes(100))
    with clip.open("rb") as file:
        assert not is_cut(file, kind)


def test_a_matroska_file_that_lacks_a_second_or_more_is_broken_however_it_ends(tmp_path):
    clip = write_clip(tmp_path / "walk.mkv", moving(40), rate=10)
    content = bytearray(clip.read_bytes())
    half = len(content) // 2
    content[half:] = bytes(len(content) - half)  # as a file system leaves what was not written yet
    clip.write_bytes(content)
    with pytest.raises(PictureError, match=r"walk.mkv: is broken: frame \d+ of 40 cannot be decoded; bring back"):
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


def test_training_data_of_clips_hold_out_whole_clips(tmp_path, root):
    clips = [str(write_clip(tmp_path / f"{name}.avi", moving(3, seed))) for seed, name in enumerate("abcd", 10)]
    study = tiny_study(tmp_path, data__train=clips, data__holdout=0.3)
    plan = make_plan(load_study(str(study))[0], root)
    (prepare,) = plan.stage("prepare")
    prepare.job()
    planes = read_planes(root.patches(prepare.job.name))
    trained, held_out = ({int(picture) // 3 for picture in side[:, 0]} for side in (planes.train, planes.holdout))
    assert len(held_out) == 1
    assert trained == {0, 1, 2, 3} - held_out


# --- a study ----------------------------------------------------------------------------------
def run_study(folder, test, eval_, train="train"):
    evaluate = {"crops": [[32, 40]], "upsamplers": ["bicubic"], "protocols": ["luma", "region"], "workers": 1}
    evaluate["metrics"] = ["psnr", "ssim"]
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


@pytest.mark.usefixtures("undrawn")
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


def test_a_comparison_says_that_frames_of_a_clip_are_one(study_of_clips, capsys):
    assert compare([str(study_of_clips[0]), str(study_of_clips[0]), "--metric", "psnr"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"pictures +units", said)
    assert re.search(r"walk .* 4 +1 ", said)
    assert "Intervals are given from 5 pictures on; the frames of a clip are one." in said


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


# --- restoring --------------------------------------------------------------------------------
@pytest.fixture
def model(tmp_path):
    """A network that gives back its input."""
    untouching_checkpoint(tmp_path / "model.pt", DataConfig(train="bundled", scale=3))
    return tmp_path / "model.pt"


@pytest.fixture(autouse=True)
def no_ffmpeg(tmp_path, monkeypatch):
    """What this machine has besides Python changes no test."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "bin" / "ffmpeg"


@pytest.mark.parametrize(("source", "target"), [("walk.mp4", "out/restored.mp4"), ("walk.avi", "restored.MKV")])
def test_a_restored_clip_keeps_its_rate_and_frames_and_grows_as_asked(tmp_path, model, source, target, capsys):
    rate = 30000 / 1001
    clip = write_clip(tmp_path / source, moving(5), "FFV1" if source.endswith("avi") else "mp4v", rate)
    out = tmp_path / target
    assert restore([str(clip), "--model", str(model), "--out", str(out), "--upsample", "3"]) == 0
    facts = clip_facts(out)
    assert (facts.width, facts.height, count_frames(out)) == (240, 192, 5)
    assert facts.rate == pytest.approx(rate, rel=1e-4)
    said = capsys.readouterr()
    assert "5 frames of 240x192 at 29.97 a second" in said.out
    assert "ffmpeg is not installed: the sound of" in said.err
    assert not [file.name for file in out.parent.iterdir() if file.name.startswith(".")]


def test_a_clip_is_restored_as_its_frames_are(tmp_path, model):
    frames = moving(3)
    clip, pictures = write_clip(tmp_path / "walk.avi", frames), save_frames(tmp_path / "frames", frames)
    out = tmp_path / "out.avi"
    assert restore([str(clip), "--model", str(model), "--out", str(out), "--upsample", "2"]) == 0
    assert restore([str(pictures), "--model", str(model), "--out", str(tmp_path / "out"), "--upsample", "2"]) == 0
    for number, frame in enumerate(read_frames(out), 1):
        with Image.open(tmp_path / "out" / f"walk_{number:06d}.png") as image:
            assert np.array_equal(frame, np.asarray(image))


def test_no_more_than_a_frame_is_in_memory_while_a_clip_is_restored(tmp_path):
    clip, alive, most = write_clip(tmp_path / "walk.avi", moving(12)), [], 0

    def larger(frame):
        nonlocal alive, most
        result = np.repeat(np.repeat(frame, 2, 0), 2, 1)
        alive = [each for each in alive if each() is not None] + [weakref.ref(frame), weakref.ref(result)]
        most = max(most, len(alive))
        return result

    restoring_clip.restore_clip(clip, tmp_path / "out.avi", larger, lambda frames, total: frames)
    assert count_frames(tmp_path / "out.avi") == 12
    assert most <= 4  # a frame and what is made of it, and those before while they are replaced


def test_a_clip_that_is_there_is_replaced_only_if_that_is_said_and_never_the_original(tmp_path, model, capsys):
    clip = write_clip(tmp_path / "walk.avi", moving(3))
    before = clip.read_bytes()
    out = tmp_path / "out.mp4"
    out.write_text("a film")
    command = [str(clip), "--model", str(model), "--upsample", "2", "--out"]
    assert restore([*command, str(out)]) == 2
    assert "out.mp4 is there already" in capsys.readouterr().err
    assert out.read_text() == "a film"
    assert restore([*command, str(out), "--overwrite"]) == 0
    assert count_frames(out) == 3
    assert restore([*command, str(clip), "--overwrite"]) == 2
    assert clip.read_bytes() == before


def test_a_broken_clip_is_restored_in_no_part(tmp_path, model, capsys):
    clip = cut_off(write_clip(tmp_path / "walk.avi", moving(10)))
    out = tmp_path / "out" / "walk.avi"
    assert restore([str(clip), "--model", str(model), "--upsample", "2", "--out", str(out)]) == 1
    assert "walk.avi: is broken: frame" in capsys.readouterr().err
    assert list(out.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("sources", "out", "said"),
    [
        (["walk.avi"], "out.webm", "written to a file named .avi, .mkv (FFV1, without loss) or .m4v, .mov, .mp4"),
        (["walk.avi"], "folder", "written to a file named .avi, .mkv"),
        (["walk.avi", "photo.png"], "out.avi", "a clip is restored alone"),
        (["none.avi"], "out.avi", "none.avi: no such file"),
        (["walk.mpg"], "out.avi", "walk.mpg is not one of a kind that is read (.avi, .m4v"),
    ],
)
def test_what_cannot_be_restored_as_asked_is_refused_with_what_can(tmp_path, model, capsys, sources, out, said):
    write_clip(tmp_path / "walk.avi", moving(2))
    (tmp_path / "walk.mpg").write_bytes((tmp_path / "walk.avi").read_bytes())
    Image.fromarray(moving(1)[0]).save(tmp_path / "photo.png")
    places = [str(tmp_path / source) for source in sources]
    assert restore([*places, "--model", str(model), "--upsample", "2", "--out", str(tmp_path / out)]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / out).exists()


def test_a_size_that_cannot_be_written_is_refused(tmp_path, model, capsys):
    clip = write_clip(tmp_path / "walk.avi", moving(2, height=50, width=62))
    odd = [np.ascontiguousarray(frame[:49, :61]) for frame in moving(2)]
    with pytest.raises(PictureError, match="61x49 cannot be written: OpenCV writes clips of even width and height"):
        restoring_clip.write_clip(tmp_path / "odd.avi", odd, 25)
    huge = [np.zeros((16, 20000, 3), np.uint8)]
    with pytest.raises(PictureError, match=r"cannot write 20000x16 .* mp4v into .mp4; try .avi or .mkv"):
        restoring_clip.write_clip(tmp_path / "huge.mp4", huge, 25)
    assert restore([str(clip), "--model", str(model), "--upsample", "1", "--out", str(tmp_path / "o.avi")]) == 0


def fake_ffmpeg(file, body):
    file.write_text(f"#!/bin/sh\nfor out; do :; done\n{body}\n")
    file.chmod(0o755)


def test_ffmpeg_where_there_is_one_puts_the_sound_beside_the_frames(tmp_path, model, no_ffmpeg, capsys):
    clip, out = write_clip(tmp_path / "walk.avi", moving(3)), tmp_path / "out.avi"
    # As for a kind of sound that the container does not take: copied it fails, encoded anew it does not.
    log = tmp_path / "calls"
    fake_ffmpeg(no_ffmpeg, f'echo "$@" >> {log}; case "$*" in *"-c:a copy"*) exit 1;; esac; /bin/cp "$6" "$out"')
    assert restore([str(clip), "--model", str(model), "--upsample", "2", "--out", str(out)]) == 0
    first, second = log.read_text().splitlines()
    assert f"-i {clip} -map 0:v -map 1:a? -c:v copy -c:a copy" in first
    assert "-c:a" not in second
    assert "sound" not in capsys.readouterr().err
    assert count_frames(out) == 3
    fake_ffmpeg(no_ffmpeg, 'echo "no such encoder" >&2; exit 1')
    assert restore([str(clip), "--model", str(model), "--upsample", "2", "--out", str(tmp_path / "b.avi")]) == 0
    assert "walk.avi is left out: ffmpeg: no such encoder" in capsys.readouterr().err
    assert count_frames(tmp_path / "b.avi") == 3


def test_a_clip_that_is_not_written_whole_is_not_there(tmp_path, model, no_ffmpeg, capsys):
    clip, out = write_clip(tmp_path / "walk.avi", moving(8)), tmp_path / "out" / "walk.avi"
    fake_ffmpeg(no_ffmpeg, '/usr/bin/head -c 20000 "$6" > "$out"')  # as a full disk would
    assert restore([str(clip), "--model", str(model), "--upsample", "2", "--out", str(out)]) == 1
    assert "walk.avi: not all of its 8 frames could be written; is the disk full?" in capsys.readouterr().err
    assert list(out.parent.iterdir()) == []


# --- scoring two clips ------------------------------------------------------------------------
def score_clips(folder, reference, estimate, *arguments):
    places = ["--reference", str(reference), "--estimate", str(estimate), "--out", str(folder / "scores")]
    code = evaluate([*places, "--workers", "1", *arguments])
    return code, folder / "scores" / "scores.parquet"


def test_two_clips_are_scored_a_row_a_frame(tmp_path):
    frames = moving(4)
    darker = [frame // 2 for frame in frames]
    original, restored = write_clip(tmp_path / "walk.avi", frames), write_clip(tmp_path / "mine.mkv", darker)
    code, file = score_clips(tmp_path, original, restored)
    assert code == 0
    table = pd.read_parquet(file)
    assert list(table["image"]) == [f"walk_{number:06d}" for number in (1, 2, 3, 4)]
    assert set(table["set"]) == {"walk.avi"}
    assert set(table["method"]) == {"mine.mkv"}
    for frame, dark, value in zip(frames, darker, table["psnr"], strict=True):
        assert value == metrics.score(frame, dark, ["psnr"])["psnr"]
    code, _ = score_clips(tmp_path, original, restored, "--protocol", "region", "luma", "--crop", "32", "40")
    assert code == 0
    assert len(pd.read_parquet(file)) == 4 * (4 + 1)


def test_clips_of_two_lengths_or_sizes_are_refused_with_both(tmp_path, capsys):
    walk = write_clip(tmp_path / "walk.avi", moving(4))
    longer = write_clip(tmp_path / "longer.avi", moving(6))
    small = write_clip(tmp_path / "small.avi", [np.ascontiguousarray(frame[::2, ::2]) for frame in moving(4)])
    for other, said in (
        (longer, "walk.avi has 4 frames, and .*longer.avi has 6"),
        (small, "walk.avi is of 80x64 pixels, and .*small.avi of 40x32"),
        (tmp_path, "walk.avi is a clip; name two clips or two folders"),
        (cut_off(write_clip(tmp_path / "cut.avi", moving(4))), r"cut.avi: is broken: frame \d+ of 4"),
    ):
        assert score_clips(tmp_path, walk, other)[0] == 2
        assert re.search(said, capsys.readouterr().err)
    assert score_clips(tmp_path, walk, small, "--protocol", "compound", "--crop", "32", "40")[0] == 0
