"""Sets of pictures are found by name, folder, file or glob, and known by their content."""

import json
import os
import pty
import shutil
import sys

import numpy as np
import pytest
from conftest import photograph, tiny_study, write_pictures
from PIL import Image

from jobs import pictures
from jobs.leaks import find_leaks
from jobs.pictures import BUNDLED, MissingPictures, find_files, load_set, passed_over, read_set
from runner.study.config import load_study
from runner.study.plan import make_plan
from srcnn.files import PictureError
from srcnn.paths import RootPaths


@pytest.fixture
def root(tmp_path):
    return RootPaths(tmp_path / "results")


def test_the_bundled_photographs_need_no_download(root):
    assert [file.stem for file in find_files("bundled", root, None)] == list(BUNDLED)
    assert len(read_set(["bundled/coffee", "bundled/rocket"], root).pictures) == 2


def test_an_unknown_bundled_picture_lists_the_known_ones(root):
    with pytest.raises(MissingPictures, match="no bundled picture 'lenna'; known: astronaut"):
        find_files("bundled/lenna", root, None)


def remembered(root):
    return {os.path.basename(name) for name in json.loads(root.fingerprints.read_text())}


def test_what_was_read_beside_an_unusable_picture_is_not_read_again(tmp_path, root):
    folder = write_pictures(tmp_path / "photos", [1, 2, 3])
    (folder / "photo2.png").write_bytes(b"no picture")
    with pytest.raises(PictureError, match=r"photo2\.png"):
        read_set([str(folder)], root)
    assert remembered(root) == {"photo1.png", "photo3.png"}


def test_what_was_read_before_an_interrupt_is_not_read_again(tmp_path, root, monkeypatch):
    folder = write_pictures(tmp_path / "photos", [1, 2, 3])
    read = pictures._contents

    def interrupted(file):
        if file.stem == "photo3":
            raise KeyboardInterrupt
        return read(file)

    monkeypatch.setattr(pictures, "_contents", interrupted)
    with pytest.raises(KeyboardInterrupt):
        read_set([str(folder)], root)
    assert remembered(root) == {"photo1.png", "photo2.png"}


def test_the_reading_of_many_pictures_is_shown_at_a_terminal(tmp_path, root, monkeypatch):
    folder = write_pictures(tmp_path / "photos", [1, 2, 3])
    monkeypatch.setattr(pictures, "MANY", 3)
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal, os.fdopen(ours, "rb", buffering=0) as screen:
        monkeypatch.setattr(sys, "stderr", terminal)
        assert len(read_set([str(folder)], root).pictures) == 3
        terminal.flush()
        assert b"reading pictures" in screen.read(4096)


def test_folders_files_and_globs_are_sources(tmp_path, root):
    folder = write_pictures(tmp_path / "photos", [1, 2, 3])
    (folder / "notes.txt").write_text("no picture")
    assert len(find_files(str(folder), root, None)) == 3
    assert len(find_files(str(folder / "photo1.png"), root, None)) == 1
    assert [file.stem for file in find_files(str(folder / "photo[12].png"), root, None)] == ["photo1", "photo2"]


def test_a_missing_public_set_names_the_command_that_fetches_it(root):
    with pytest.raises(MissingPictures, match=r"python -m jobs\.fetch set5 --root"):
        find_files("set5", root, None)


def test_a_public_set_is_found_below_the_data_root_before_the_downloads(tmp_path, root):
    write_pictures(root.downloads / "set5", [1])
    write_pictures(tmp_path / "here" / "set5", [2])
    assert find_files("set5", root, tmp_path / "here")[0].stem == "photo2"
    assert find_files("set5", root, None)[0].stem == "photo1"


def test_one_picture_of_a_public_set_is_a_source(tmp_path, root):
    write_pictures(tmp_path / "bsds500" / "test", [1, 2])
    assert [file.name for file in find_files("bsds500/test/photo2.png", root, tmp_path)] == ["photo2.png"]
    with pytest.raises(MissingPictures, match=r"the pictures of 'bsds500/test/photo3.png' are not in"):
        find_files("bsds500/test/photo3.png", root, tmp_path)


def test_an_empty_folder_is_no_source(tmp_path, root):
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingPictures, match="no pictures at"):
        find_files(str(tmp_path / "empty"), root, None)


def test_a_set_keeps_its_id_when_its_folder_moves_and_changes_it_with_a_pixel(tmp_path, root):
    folder = write_pictures(tmp_path / "photos", [1, 2])
    before = read_set([str(folder)], root).set_id
    moved = folder.rename(tmp_path / "moved")
    assert read_set([str(moved)], root).set_id == before
    changed = photograph(1)
    changed[0, 0] ^= 1
    Image.fromarray(changed).save(moved / "photo1.png")
    assert read_set([str(moved)], root).set_id != before


def test_a_set_that_was_saved_loads_as_it_was(tmp_path, root):
    pictures = read_set([str(write_pictures(tmp_path / "photos", [1, 2]))], root)
    pictures.save(root)
    assert load_set(root, pictures.set_id) == pictures


def test_all_unusable_files_are_listed_at_once(tmp_path, root):
    folder = write_pictures(tmp_path / "photos", [1])
    (folder / "broken.png").write_bytes(b"no picture")
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(folder / "deep.png")
    with pytest.raises(PictureError, match=r"(?s)broken\.png.*deep\.png: has more than 8 bits"):
        read_set([str(folder)], root)


def test_two_pictures_of_one_name_are_refused(tmp_path, root):
    folder = write_pictures(tmp_path / "photos", [1])
    Image.fromarray(photograph(2)).save(folder / "photo1.bmp")
    with pytest.raises(PictureError, match=r"two pictures of one name: .*photo1\.bmp and .*photo1\.png"):
        read_set([str(folder)], root)


def test_equal_names_in_two_subfolders_are_refused_with_both_paths(tmp_path, root):
    write_pictures(tmp_path / "photos" / "set5", [1])
    write_pictures(tmp_path / "photos" / "set14", [1])
    with pytest.raises(PictureError, match=r"set14/photo1\.png and .*set5/photo1\.png"):
        read_set([str(tmp_path / "photos")], root)


@pytest.mark.parametrize(
    ("one", "other", "difference"),
    [
        ("Photo.png", "photo.png", "upper and lower case"),
        ("caf\u00e9.png", "cafe\u0301.png", "Unicode normalisation form"),
        ("CAF\u00c9.png", "cafe\u0301.bmp", "upper and lower case"),
    ],
)
def test_names_that_are_one_on_other_file_systems_are_refused_for_what_they_are(tmp_path, root, one, other, difference):
    for seed, name in enumerate((one, other)):
        Image.fromarray(photograph(seed)).save(tmp_path / name)
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip("this file system takes the two names for one")
    with pytest.raises(PictureError, match=f"differ only in {difference}"):
        read_set([str(tmp_path)], root)


def test_a_set_is_the_same_set_however_its_letters_are_composed(tmp_path, root):
    ids = []
    for name in ("caf\u00e9.png", "cafe\u0301.png"):
        folder = tmp_path / str(len(ids))
        folder.mkdir()
        Image.fromarray(photograph(1)).save(folder / name)
        ids.append(read_set([str(folder)], root).set_id)
    assert ids[0] == ids[1]


def test_a_name_that_is_no_utf8_is_refused_beside_the_broken_pictures(tmp_path, root):
    folder = write_pictures(tmp_path / "photos", [1, 2])
    os.rename(folder / "photo1.png", os.fsencode(folder) + b"/caf\xe9.png")
    (folder / "broken.png").write_bytes(b"?")
    with pytest.raises(PictureError, match=r"(?s)its name is no UTF-8; rename it.*broken\.png: is not a picture"):
        read_set([str(folder)], root)


def test_linked_subfolders_are_looked_into_once_and_hidden_ones_never(tmp_path, root):
    write_pictures(tmp_path / "elsewhere", [2])
    write_pictures(tmp_path / "photos" / "own", [1])
    write_pictures(tmp_path / "photos" / ".thumbnails", [3])
    (tmp_path / "photos" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "photos" / "own" / "up").symlink_to(tmp_path / "photos")
    assert [file.stem for file in find_files(str(tmp_path / "photos"), root, None)] == ["photo2", "photo1"]


def test_pictures_that_are_not_taken_are_told(tmp_path, root):
    folder = write_pictures(tmp_path / "photos", [1])
    assert passed_over(str(folder)) == []
    write_pictures(folder / "more", [2, 3])
    (folder / "scan.JP2").write_bytes(b"")
    below, kinds = passed_over(str(folder))
    assert "those in its subfolders are not taken (2, such as more/photo2.png)" in below
    assert "1 files below" in kinds
    assert "(.jp2)" in kinds
    study, _ = load_study(str(tiny_study(tmp_path)), [f"data.train={folder}", "data.patch_size=17"])
    assert {below, kinds} <= set(make_plan(study, root).notes)


def test_a_copy_under_another_name_and_format_is_a_leak(tmp_path, root):
    train = read_set([str(write_pictures(tmp_path / "train", [1, 2]))], root)
    other = tmp_path / "eval"
    other.mkdir()
    Image.fromarray(photograph(2)).save(other / "innocent.bmp")
    Image.fromarray(photograph(3)).save(other / "new.bmp")
    leaks = find_leaks(train, read_set([str(other)], root))
    assert [(a.name, b.name) for a, b in leaks] == [("photo2", "innocent")]


def test_a_compressed_and_reduced_copy_is_a_leak(tmp_path, root):
    train = read_set(["bundled/coffee", "bundled/chelsea"], root)
    with Image.open(train.pictures[0].path) as original:
        (tmp_path / "eval").mkdir()
        original.resize((300, 200)).save(tmp_path / "eval" / "x.jpg", quality=60)
    assert [a.name for a, _ in find_leaks(train, read_set([str(tmp_path / "eval")], root))] == ["coffee"]


def test_different_photographs_are_no_leak(root):
    for name in BUNDLED:
        others = [f"bundled/{other}" for other in BUNDLED if other != name]
        assert not find_leaks(read_set(others, root), read_set([f"bundled/{name}"], root))


def test_public_test_sets_and_bsds_photographs_are_told_apart(data_root, root):
    evaluation = read_set(["set5", "set14"], root, data_root)
    assert not find_leaks(read_set(["bsds500/train"], root, data_root), evaluation)


def test_a_file_is_read_again_when_it_changes(tmp_path, root):
    folder = write_pictures(tmp_path / "photos", [1])
    before = read_set([str(folder)], root)
    shutil.copy(write_pictures(tmp_path / "other", [2], height=70) / "photo2.png", folder / "photo1.png")
    after = read_set([str(folder)], root)
    assert after.pictures[0].height == 70
    assert after.set_id != before.set_id
