"""Anyone's pictures: two folders are scored, one is restored, and one broken file stops nothing."""

import os

import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import opened, photograph, write_pictures
from PIL import Image
from test_render import untouching_checkpoint

from jobs.compare_folders import main as evaluate
from jobs.compare_folders import parser
from jobs.restore import main as restore
from srcnn import metrics
from srcnn.experiment import DataConfig
from srcnn.metrics import DEFINITIONS
from srcnn.protocols import PROTOCOLS
from srcnn.score_schema import score_schema
from srcnn.upsample import UPSAMPLERS


@pytest.fixture
def folders(tmp_path):
    """Originals, and darker copies of the same names."""
    originals = write_pictures(tmp_path / "originals", [1, 2, 3])
    copies = tmp_path / "mine"
    copies.mkdir()
    for seed in (1, 2, 3):
        Image.fromarray(photograph(seed) // 2).save(copies / f"photo{seed}.bmp")
    return originals, copies, tmp_path / "out"


def run(folders, *arguments: str) -> int:
    originals, copies, out = folders
    places = ["--reference", str(originals), "--estimate", str(copies), "--out", str(out)]
    return evaluate([*places, "--workers", "1", *arguments])


def scores(folders):
    return pq.read_table(folders[2] / "scores.parquet").to_pandas()


def test_two_folders_are_scored_to_the_same_columns_as_a_study(folders, capsys):
    assert run(folders) == 0
    table = pq.read_table(folders[2] / "scores.parquet")
    assert table.schema.equals(score_schema(), check_metadata=False)
    frame = table.to_pandas()
    assert set(frame["method"]) == {"mine"}
    assert set(frame["set"]) == {"originals"}
    assert frame[["run_id", "epoch", "upsampler"]].isna().all().all()
    expected = metrics.score(photograph(2), photograph(2) // 2, ["psnr"])["psnr"]
    assert frame.set_index("image")["psnr"]["photo2"] == pytest.approx(expected)
    assert "3 comparisons of 3 pictures" in capsys.readouterr().out


def test_two_workers_write_what_one_writes(folders):
    assert run(folders) == 0
    alone = scores(folders)
    assert run(folders, "--workers", "2") == 0
    assert scores(folders).equals(alone)


def test_crops_protocols_upsamplers_and_definitions_multiply(folders):
    assert run(folders, "--protocol", "region", "whole", "--crop", "32", "40", "--upsampler", "nearest", "lanczos",
               "--definition", "paper", "package") == 0  # fmt: skip
    counts = scores(folders).groupby(["protocol", "definition"]).size().to_dict()
    assert counts == {
        ("region", "paper"): 12,
        ("region", "package"): 12,
        ("whole", "paper"): 24,
        ("whole", "package"): 24,
    }


def test_a_compound_estimate_of_half_the_size_is_enlarged(folders):
    for seed in (1, 2, 3):
        Image.fromarray(photograph(seed)[::2, ::2]).save(folders[1] / f"photo{seed}.bmp")
    assert run(folders, "--protocol", "compound", "--crop", "32", "40") == 0
    assert set(scores(folders)["zoom"]) == {2}


def test_one_broken_and_one_lonely_file_are_listed_and_the_rest_scored(folders, capsys):
    (folders[1] / "photo1.bmp").write_bytes(b"BM but no more")
    (folders[1] / "photo3.bmp").rename(folders[1] / "other.bmp")
    assert run(folders) == 1
    err = capsys.readouterr().err
    assert "photo1.bmp: is" in err
    assert "photo3.png: no picture of this name" in err
    assert "other.bmp: no picture of this name" in err
    assert list(scores(folders)["image"]) == ["photo2"]


def test_a_difference_in_size_is_explained(folders, capsys):
    Image.fromarray(photograph(1, 30, 30)).save(folders[1] / "photo1.bmp")
    assert run(folders) == 1
    assert "photo1.bmp: the original is (64, 80, 3) but the restored picture is (30, 30, 3)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--protocol", "whole"], "say their size with --crop H W"),
        (["--metrics", "pnsr"], "unknown metric 'pnsr'; did you mean 'psnr'?"),
        (["--protocol", "compound", "whole"], "say their size with --crop H W"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_read(folders, capsys, arguments, complaint):
    assert run(folders, *arguments) == 2
    assert complaint in capsys.readouterr().err
    assert not folders[2].exists()


def test_folders_without_a_common_name_are_refused(tmp_path, capsys):
    folders = write_pictures(tmp_path / "a", [1]), write_pictures(tmp_path / "b", [2]), tmp_path / "out"
    assert run(folders) == 2
    assert "has the name of one in" in capsys.readouterr().err


def test_the_command_line_offers_what_the_tables_hold():
    options = {action.dest: action.choices for action in parser()._actions}
    assert set(options["protocol"]) == set(PROTOCOLS)
    assert set(options["upsampler"]) == set(UPSAMPLERS)
    assert set(options["definition"]) == set(DEFINITIONS)


@pytest.fixture
def model(tmp_path):
    file = tmp_path / "runs" / "r1" / "checkpoints" / "best.pt"
    untouching_checkpoint(file, DataConfig(train="x", scale=2))
    return file


def test_a_folder_is_restored_by_a_run_or_a_checkpoint(tmp_path, model):
    pictures = write_pictures(tmp_path / "in", [1, 2])
    for number, path in enumerate([model, model.parents[1]]):
        out = tmp_path / f"out{number}"
        assert restore([str(pictures), "--model", str(path), "--out", str(out)]) == 0
        restored = opened(out / "photo1.png").astype(int)
        # This network changes nothing; what is left is the rounding of YCbCr.
        assert np.abs(restored - photograph(1)).max() <= 3


def test_upsampling_enlarges_first(tmp_path, model):
    pictures = write_pictures(tmp_path / "in", [1])
    out = tmp_path / "out"
    assert restore([str(pictures), "--model", str(model), "--out", str(out), "--upsample", "3"]) == 0
    assert opened(out / "photo1.png").shape == (192, 240, 3)


def test_a_broken_picture_is_left_out_and_named(tmp_path, model, capsys):
    pictures = write_pictures(tmp_path / "in", [1])
    (pictures / "broken.png").write_bytes(b"?")
    assert restore([str(pictures), "--model", str(model), "--out", str(tmp_path / "out")]) == 1
    assert "broken.png: is not a picture" in capsys.readouterr().err
    assert (tmp_path / "out" / "photo1.png").exists()


def test_originals_are_never_overwritten(tmp_path, model, capsys):
    pictures = write_pictures(tmp_path / "in", [1])
    before = (pictures / "photo1.png").read_bytes()
    assert restore([str(pictures), "--model", str(model), "--out", str(pictures)]) == 1
    assert "would be overwritten" in capsys.readouterr().err
    assert (pictures / "photo1.png").read_bytes() == before


def test_neither_another_original_nor_a_file_from_elsewhere_is_overwritten(tmp_path, model, capsys):
    pictures = write_pictures(tmp_path / "in", [1, 2])
    (pictures / "photo1.png").rename(pictures / "photo1.bmp")
    Image.fromarray(photograph(1)).save(pictures / "photo1.bmp")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "photo1.png").write_bytes(b"somebody's")
    (tmp_path / "out" / "photo2.png").symlink_to(pictures / "photo2.png")
    before = (pictures / "photo2.png").read_bytes()
    command = [str(pictures), "--model", str(model), "--out", str(tmp_path / "out")]
    assert restore(command) == 1
    err = capsys.readouterr().err
    assert "photo1.png is there already; choose another --out, or say --overwrite" in err
    assert "would be overwritten" in err
    assert (tmp_path / "out" / "photo1.png").read_bytes() == b"somebody's"
    assert restore([*command, "--overwrite"]) == 1  # an original stays one
    assert opened(tmp_path / "out" / "photo1.png").shape == (64, 80, 3)
    assert (pictures / "photo2.png").read_bytes() == before


def test_what_was_restored_is_not_restored_again(tmp_path, model, capsys):
    pictures = write_pictures(tmp_path / "in", [1])
    command = [str(pictures), "--model", str(model), "--out", str(tmp_path / "out")]
    assert restore(command) == 0
    write_pictures(pictures, [2])
    assert restore(command) == 1
    assert (tmp_path / "out" / "photo2.png").exists()
    assert "photo1.png is there already" in capsys.readouterr().err


def test_pictures_of_one_name_in_two_subfolders_are_restored_apart(tmp_path, model):
    for seed, name in enumerate(("set5", "set14"), 1):
        (tmp_path / "in" / name).mkdir(parents=True)
        Image.fromarray(photograph(seed)).save(tmp_path / "in" / name / "x.png")
    assert restore([str(tmp_path / "in"), "--model", str(model), "--out", str(tmp_path / "out")]) == 0
    for seed, name in enumerate(("set5", "set14"), 1):
        restored = opened(tmp_path / "out" / name / "x.png").astype(int)
        assert np.abs(restored - photograph(seed)).max() <= 3


def test_originals_that_would_be_restored_to_one_file_are_refused_before_anything_is_done(tmp_path, model, capsys):
    pictures = write_pictures(tmp_path / "in", [1, 2])
    Image.fromarray(photograph(3)).save(pictures / "photo1.bmp")
    assert restore([str(pictures), "--model", str(model), "--out", str(tmp_path / "out")]) == 2
    assert "two pictures of one name" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_out_that_cannot_be_made_is_refused_before_anything_is_done(tmp_path, model, capsys):
    pictures = write_pictures(tmp_path / "in", [1])
    (tmp_path / "out").write_text("a file")
    assert restore([str(pictures), "--model", str(model), "--out", str(tmp_path / "out" / "here")]) == 2
    assert "a file is in the place of a folder" in capsys.readouterr().err


def test_a_name_that_is_no_utf8_is_restored_all_the_same(tmp_path, model):
    pictures = write_pictures(tmp_path / "in", [1])
    os.rename(pictures / "photo1.png", os.fsencode(pictures) + b"/caf\xe9.png")
    assert restore([str(pictures), "--model", str(model), "--out", str(tmp_path / "out")]) == 0
    assert os.listdir(os.fsencode(tmp_path / "out")) == [b"caf\xe9.png"]


@pytest.mark.parametrize("name", ["nothing.pt", "."])
def test_a_model_that_is_none_is_refused(tmp_path, capsys, name):
    pictures = write_pictures(tmp_path / "in", [1])
    assert restore([str(pictures), "--model", str(tmp_path / name), "--out", str(tmp_path / "out")]) == 2
    assert "checkpoint" in capsys.readouterr().err
